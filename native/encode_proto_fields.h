// The fields of a row, one after the other. Included by encode_proto.cc and encode_proto_bmi2.cc, each with its own put_varint56() before it:
// all in an unnamed namespace, so that code made for one processor is never taken for the other's.
#include <sys/socket.h>

#include "encode_proto.h"

namespace netsoak {
namespace {

constexpr uint32_t kVarint = 0;
constexpr uint32_t kBytes = 2;

template <uint32_t kNumber, uint32_t kWire>
inline uint8_t* put_tag(uint8_t* out) {
  constexpr uint32_t tag = kNumber << 3 | kWire;
  static_assert(tag < 1 << 21);
  if constexpr (tag < 1 << 7) {
    out[0] = tag;
    return out + 1;
  } else if constexpr (tag < 1 << 14) {
    out[0] = 0x80 | (tag & 0x7f);
    out[1] = tag >> 7;
    return out + 2;
  } else {
    out[0] = 0x80 | (tag & 0x7f);
    out[1] = 0x80 | (tag >> 7 & 0x7f);
    out[2] = tag >> 14;
    return out + 3;
  }
}

template <uint32_t kNumber>
inline uint8_t* put_number(uint8_t* out, uint32_t value) {
  if (value == 0) return out;
  return put_varint56(put_tag<kNumber, kVarint>(out), value);
}

/** A number that nearly always fits one byte: states, flags, scales. */
template <uint32_t kNumber>
inline uint8_t* put_small(uint8_t* out, uint8_t value) {
  if (value == 0) return out;
  out = put_tag<kNumber, kVarint>(out);
  if (value >= 0x80) return put_varint56(out, value);
  *out = value;
  return out + 1;
}

template <uint32_t kNumber>
inline uint8_t* put_wide(uint8_t* out, uint64_t value) {
  if (value == 0) return out;
  out = put_tag<kNumber, kVarint>(out);
  if (value >> 56 == 0) return put_varint56(out, value);
  if (value == UINT64_MAX) {
    // "No limit", the default of max_pacing_rate.
    memset(out, 0xff, 9);
    out[9] = 1;
    return out + 10;
  }
  return put_varint(out, value);
}

/** Always 16 bytes; what follows an IPv4 address is zero whatever the kernel left there. */
template <uint32_t kNumber>
inline uint8_t* put_address(uint8_t* out, const uint8_t* address, bool ipv4) {
  out = put_tag<kNumber, kBytes>(out);
  *out++ = 16;
  if (ipv4) {
    memcpy(out, address, 4);
    memset(out + 4, 0, 12);
  } else {
    memcpy(out, address, 16);
  }
  return out + 16;
}

template <uint32_t kNumber>
inline uint8_t* put_text(uint8_t* out, const uint8_t* data, size_t length) {
  length = text_length(data, length);
  if (length == 0) return out;
  out = put_tag<kNumber, kBytes>(out);
  *out++ = static_cast<uint8_t>(length);
  for (size_t i = 0; i < length; i++) *out++ = static_cast<uint8_t>(text_byte(data[i]));
  return out;
}

inline uint8_t* put_columns(uint8_t* out, const std::string& columns) {
  memcpy(out, columns.data(), columns.size());
  return out + columns.size();
}

inline uint8_t* put_fields(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted) {
  const bool ipv4 = row_family(row) == AF_INET;
  out = put_columns(out, columns.prefix());
  if (columns.counts()) out = put_wide<60>(out, counter);
  out = put_columns(out, columns.uplinks());
  // A block is padded with zeros where the kernel sent less, and zeros are omitted: no check of lengths in here.
#define BEGIN(block)            \
  if (row.length[block] != 0) { \
    const uint8_t* const at = row.data[block];
#define END(block) }
#define U8(number, name, block, offset) out = put_small<number>(out, at[offset]);
#define U16(number, name, block, offset) out = put_number<number>(out, load<uint16_t>(at + offset));
#define BE16(number, name, block, offset) out = put_number<number>(out, load_be16(at + offset));
#define U32(number, name, block, offset) out = put_number<number>(out, load<uint32_t>(at + offset));
#define U64(number, name, block, offset) out = put_wide<number>(out, load<uint64_t>(at + offset));
#define BITS(number, name, block, offset, shift, bits) out = put_small<number>(out, static_cast<uint8_t>(at[offset] >> shift & ((1 << bits) - 1)));
#define ADDRESS(number, name, block, offset) out = put_address<number>(out, at + offset, ipv4);
#define TEXT(number, name, block) out = put_text<number>(out, at, row.length[block]);
#define CONGESTION(number, name, block) \
  out = put_small<number>(out, congestion_number(reinterpret_cast<const char*>(at), text_length(at, row.length[block])));
#define SUFFIX out = put_columns(out, columns.suffix(interrupted));
#include "fields.def"
  return out;
}

}  // namespace
}  // namespace netsoak
