#include CPPO_OTHER

#include "two_versions.hpp"

version_report other_version() { return ask(); }
