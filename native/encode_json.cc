#include "encode_json.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <charconv>

#include "encode_proto.h"

namespace netsoak {
namespace {

constexpr size_t kDigits = 20;
/** The longest escape of a byte, \u00XX. */
constexpr size_t kEscape = 6;

template <size_t kLength>
inline char* put(char* out, const char (&text)[kLength]) {
  memcpy(out, text, kLength - 1);
  return out + kLength - 1;
}

inline char* put_number(char* out, uint64_t value) { return std::to_chars(out, out + kDigits, value).ptr; }

inline char* put_wide(char* out, uint64_t value) {
  *out++ = '"';
  out = put_number(out, value);
  *out++ = '"';
  return out;
}

char* put_address(char* out, const uint8_t* address, uint8_t family) {
  *out++ = '"';
  if (inet_ntop(family, address, out, INET6_ADDRSTRLEN) != nullptr) out += strlen(out);
  *out++ = '"';
  return out;
}

char* put_escaped(char* out, const char* text, size_t length) {
  static constexpr char kHex[] = "0123456789abcdef";
  *out++ = '"';
  for (size_t i = 0; i < length; i++) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      *out++ = '\\';
      *out++ = text[i];
    } else if (byte < 0x20) {
      out = put(out, "\\u00");
      *out++ = kHex[byte >> 4];
      *out++ = kHex[byte & 15];
    } else {
      *out++ = text[i];
    }
  }
  *out++ = '"';
  return out;
}

char* put_text(char* out, const uint8_t* data, size_t length) {
  static_assert(kBlockSize[kCongestion] <= 16 && kBlockSize[kUlpName] <= 16);
  char text[16];
  length = text_length(data, length);
  for (size_t i = 0; i < length; i++) text[i] = text_byte(data[i]);
  return put_escaped(out, text, length);
}

char* put_columns(char* out, const std::string& columns) {
  memcpy(out, columns.data(), columns.size());
  return out + columns.size();
}

constexpr size_t kFieldsBound = 0
// Each: quoted key, colon, value, comma.
#define U8(number, name, block, offset) +sizeof #name + 3 + 3
#define U16(number, name, block, offset) +sizeof #name + 3 + 5
#define BE16(number, name, block, offset) +sizeof #name + 3 + 5
#define U32(number, name, block, offset) +sizeof #name + 3 + 10
#define U64(number, name, block, offset) +sizeof #name + 3 + kDigits + 2
#define BITS(number, name, block, offset, shift, bits) +sizeof #name + 3 + 3
#define ADDRESS(number, name, block, offset) +sizeof #name + 3 + INET6_ADDRSTRLEN + 2
#define TEXT(number, name, block) +sizeof #name + 3 + kBlockSize[block] * kEscape + 2
#define CONGESTION(number, name, block) +sizeof #name + 3 + 1
#include "fields.def"
    ;
constexpr size_t kCounterBound = 64;
static_assert(kFieldsBound + kCounterBound + 8 <= kJsonRowBound);

}  // namespace

uint8_t* encode_json(uint8_t* start, const Row& row, const Columns& columns, uint64_t counter, bool interrupted) {
  const uint8_t family = row_family(row);
  char* out = reinterpret_cast<char*>(start);
  *out++ = '{';
  out = put_columns(out, columns.prefix());
  if (columns.counts()) {
    out = put(out, "\"record_counter\":");
    out = put_wide(out, counter);
    *out++ = ',';
  }
  out = put_columns(out, columns.uplinks());
#define BEGIN(block)            \
  if (row.length[block] != 0) { \
    const uint8_t* const at = row.data[block];
#define END(block) }
#define VALUE(name, block, end, text)    \
  if (row.length[block] >= end) {        \
    out = put(out, "\"" #name "\":");    \
    out = text;                          \
    *out++ = ',';                        \
  }
#define U8(number, name, block, offset) VALUE(name, block, offset + 1, put_number(out, at[offset]))
#define U16(number, name, block, offset) VALUE(name, block, offset + 2, put_number(out, load<uint16_t>(at + offset)))
#define BE16(number, name, block, offset) VALUE(name, block, offset + 2, put_number(out, load_be16(at + offset)))
#define U32(number, name, block, offset) VALUE(name, block, offset + 4, put_number(out, load<uint32_t>(at + offset)))
#define U64(number, name, block, offset) VALUE(name, block, offset + 8, put_wide(out, load<uint64_t>(at + offset)))
#define BITS(number, name, block, offset, shift, bits) \
  VALUE(name, block, offset + 1, put_number(out, at[offset] >> shift & ((1 << bits) - 1)))
#define ADDRESS(number, name, block, offset) VALUE(name, block, offset + 16, put_address(out, at + offset, family))
#define TEXT(number, name, block) VALUE(name, block, 1, put_text(out, at, row.length[block]))
#define CONGESTION(number, name, block) \
  VALUE(name, block, 1, put_number(out, congestion_number(reinterpret_cast<const char*>(at), text_length(at, row.length[block]))))
#define SUFFIX out = put_columns(out, columns.suffix(interrupted));
#include "fields.def"
#undef VALUE
  out[-1] = '}';
  *out++ = '\n';
  return reinterpret_cast<uint8_t*>(out);
}

void json_key(std::string& out, const char* name) {
  out += '"';
  out += name;
  out += "\":";
}

void json_text(std::string& out, const std::string& value) {
  std::string escaped(value.size() * kEscape + 2, '\0');
  char* const end = put_escaped(escaped.data(), value.data(), value.size());
  escaped.resize(static_cast<size_t>(end - escaped.data()));
  out += escaped;
}

}  // namespace netsoak
