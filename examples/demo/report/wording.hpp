// How numbers are spelled, in the terminal and in the report.
#pragma once

#include <string>

namespace demo {

/// A share as percent, with just enough digits: "0", "<0.01", "0.04", "1.6", "52.5".
std::string percent(double share);
/// A number in `digits` significant digits, "0" for zero, without an exponent where that is readable.
std::string figure(double value, int digits = 3);
/// The same text with a true minus sign.
std::string with_minus(std::string text);
/// A count with thin groups: "31 862".
std::string grouped(long long count);
/// The same text with a capital first letter.
std::string capital(std::string text);
/// "after 16 updates", or "as given" where the file does not say.
std::string after(int updates);

}  // namespace demo
