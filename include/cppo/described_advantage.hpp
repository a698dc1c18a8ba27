/// @file
/// Advantage rules as data: read from text, made of what is written out, and written as text.
#pragma once

#include <cppo/described_advantage/asked.hpp>
#include <cppo/described_advantage/compute.hpp>
#include <cppo/described_advantage/parse.hpp>
#include <cppo/described_advantage/rule.hpp>
#include <cppo/described_advantage/table.hpp>
#include <cppo/described_advantage/to_text.hpp>
