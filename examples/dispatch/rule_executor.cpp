// The call under rules with losses and folds of their own.
#include "crossing.hpp"

#include <cppo/described_rule/rule.hpp>
#include <cppo/rules.hpp>

CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_RULE_CALL(CPPO_DISPATCH_ISA)(dispatch::crossing const& c) {
  dispatch::call_with<cppo::described_rule>(c);
}
