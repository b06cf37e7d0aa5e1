// Row -> protobuf, byte for byte what protobufjs writes for the same values (collector/netsoak.proto): fields ascending, zeros and
// empty strings omitted, shortest varints.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "columns.h"
#include "row.h"

namespace netsoak {

/** What a row takes at most beside its constant columns, with the slack the encoder may write beyond its end. */
constexpr size_t kProtoRowBound = 4096;

/**
 * Appends one row (tag of `Envelope.row`, length, fields) at `out` and returns its end. Needs kProtoRowBound + columns.longest() bytes.
 * @param counter column record_counter; used when columns.counts()
 */
uint8_t* encode_proto(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted);

/** Appends the fields alone, in one of two ways with the same result. */
using PutFields = uint8_t* (*)(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted);
uint8_t* put_fields_plain(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted);
/** Only where has_fast_bmi2(). */
uint8_t* put_fields_bmi2(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted);
bool has_fast_bmi2();

/** Bytes of the shortest varint of a value. */
size_t varint_length(uint64_t value);
uint8_t* put_varint(uint8_t* out, uint64_t value);

void proto_text(std::string& out, uint32_t number, const std::string& value);
void proto_number(std::string& out, uint32_t number, uint64_t value);

/** CongestionAlgorithm of the kernel's name; 0 for one the schema has no number for. */
uint8_t congestion_number(const char* name, size_t length);
/** Length of the text in a block: up to its first NUL. */
inline size_t text_length(const uint8_t* data, size_t length) {
  size_t at = 0;
  while (at < length && data[at] != 0) at++;
  return at;
}
/** A byte of a kernel name as it is sent: names are ASCII, anything else would make the string invalid. */
inline char text_byte(uint8_t byte) { return byte < 0x80 ? static_cast<char>(byte) : '?'; }

}  // namespace netsoak
