// How numbers are written, in the terminal and in the report.
#pragma once

#include <string>

namespace demo {

/// A share as percent, with just enough digits: "0", "<0.01", "0.04", "1.6", "52.5".
std::string percent(double share);
/// A number with `digits` significant digits, "0" for zero, and without an exponent if it is readable so.
std::string figure(double value, int digits = 3);
/// The same text with a true minus sign.
std::string with_minus(std::string text);
/// A count with thin groups: "31 862".
std::string grouped(long long count);
/// The same text with a capital first letter.
std::string capital(std::string text);
/// "after 16 updates", or "as given" if the file does not say.
std::string after(int updates);

}  // namespace demo
