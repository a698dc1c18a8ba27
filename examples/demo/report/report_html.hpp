// Writes the report: one HTML file that needs no other.
#pragma once

#include "run/study.hpp"
#include "run/training.hpp"
#include "../trainer/tokenizer.hpp"

#include <string>

namespace demo {

/// Where the rollouts come from, as the report says it.
struct provenance {
  std::string file;      ///< name of the rollout file
  std::string sentence;  ///< on the rollouts; may be empty
};

/// Writes the report, without training if `trained` is null. Throws `input_error` if that fails.
void write_report(std::string const& path, study const& s, std::vector<rollout> const& rollouts,
                  trainer::tokenizer const& words, provenance const& from, training const* trained);

}  // namespace demo
