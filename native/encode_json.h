// Row -> one line of JSON. Keys are the column names; 64-bit values are decimal strings, addresses text. A 0 that the kernel sent is
// there, what it did not send is absent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "columns.h"
#include "row.h"

namespace netsoak {

/** What a line takes at most beside its constant columns. */
constexpr size_t kJsonRowBound = 16384;

/** Appends one line with its newline at `out` and returns its end. Needs kJsonRowBound + columns.longest() bytes. */
uint8_t* encode_json(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted);

/** `"name":` */
void json_key(std::string& out, const char* name);
/** A quoted, escaped string. */
void json_text(std::string& out, const std::string& value);

}  // namespace netsoak
