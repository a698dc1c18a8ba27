/// @file
/// Rules as data: a region, its losses and folds, read from text, made of what is written out, and written as text.
#pragma once

#include <cppo/described_rule/builder.hpp>
#include <cppo/described_rule/calls.hpp>
#include <cppo/described_rule/checks.hpp>
#include <cppo/described_rule/clauses.hpp>
#include <cppo/described_rule/draft.hpp>
#include <cppo/described_rule/draft_folds.hpp>
#include <cppo/described_rule/evaluate.hpp>
#include <cppo/described_rule/fold.hpp>
#include <cppo/described_rule/known.hpp>
#include <cppo/described_rule/names.hpp>
#include <cppo/described_rule/nodes.hpp>
#include <cppo/described_rule/parse.hpp>
#include <cppo/described_rule/program.hpp>
#include <cppo/described_rule/rows.hpp>
#include <cppo/described_rule/rule.hpp>
#include <cppo/described_rule/rule_tree.hpp>
#include <cppo/described_rule/statistics.hpp>
#include <cppo/described_rule/table.hpp>
#include <cppo/described_rule/text_rows.hpp>
#include <cppo/described_rule/to_text.hpp>
#include <cppo/described_rule/words.hpp>
#include <cppo/described_rule/writer.hpp>
#include <cppo/described_rule/written.hpp>
