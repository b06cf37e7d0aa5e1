// What a filter expression means: tests under and, or, not. Between filter_parse.cc, which reads it, and filter.cc, which makes a program of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "filter.h"

namespace netsoak {

/** One condition on a socket: INET_DIAG_BC_* and what follows it in the program. */
struct FilterTest {
  uint8_t code = 0;
  std::vector<uint8_t> operand;
};

/** A test, or an operator over its parts: one for not, any number for and and or (so that only nesting makes a tree deep). */
struct FilterNode {
  enum class Kind { kTest, kNot, kAnd, kOr };
  Kind kind;
  FilterTest test;
  std::vector<FilterNode> parts;
};

/** Reads an expression that is not blank. @throws FilterError */
FilterNode parse_filter(const std::string& text, const FilterNames& names, FilterNeeds& needs);
bool filter_is_blank(const std::string& text);

}  // namespace netsoak
