// The rows of a finished envelope as lines of JSON, those that a filter selects: for people who watch a running daemon. The poll does not
// know of it: it reads what encode_proto and encode_json have written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "columns.h"

namespace netsoak {

struct Lines {
  std::string text;
  size_t rows = 0;
};

/**
 * Of protobuf, columns that are 0 stay out: they are not in the envelope either.
 * @param program of compile_filter; empty selects every row
 * @return false when the bytes are no envelope of ours; `out` then holds the rows before
 */
bool envelope_lines(const uint8_t* data, size_t length, Format format, const uint8_t* program, size_t program_length, Lines& out);

}  // namespace netsoak
