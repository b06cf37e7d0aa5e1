#include "lines.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "bytecode.h"
#include "encode_json.h"

namespace netsoak {
namespace {

enum class Shape : uint8_t { kNumber, kWide, kText, kAddress, kKind };

constexpr bool same(const char* a, const char* b) { return std::string_view(a) == b; }

constexpr Shape shape_of(const char* name, const char* type) {
  if (same(name, "kind")) return Shape::kKind;
  if (same(type, "uint64") || same(type, "int64")) return Shape::kWide;
  return same(type, "string") ? Shape::kText : Shape::kNumber;
}

struct Field {
  uint32_t number;
  std::string_view key;
  Shape shape;
};

/** Ascending by number, as the columns of a row are. */
constexpr Field kFields[] = {
#define FIELD(number, name, shape) {number, "\"" #name "\":", shape},
#define U8(number, name, block, offset) FIELD(number, name, Shape::kNumber)
#define U16(number, name, block, offset) FIELD(number, name, Shape::kNumber)
#define U32(number, name, block, offset) FIELD(number, name, Shape::kNumber)
#define U64(number, name, block, offset) FIELD(number, name, Shape::kWide)
#define BE16(number, name, block, offset) FIELD(number, name, Shape::kNumber)
#define BITS(number, name, block, offset, shift, bits) FIELD(number, name, Shape::kNumber)
#define ADDRESS(number, name, block, offset) FIELD(number, name, Shape::kAddress)
#define TEXT(number, name, block) FIELD(number, name, Shape::kText)
#define CONGESTION(number, name, block) FIELD(number, name, Shape::kNumber)
#define OWN(number, name, type, part) FIELD(number, name, shape_of(#name, #type))
#include "fields.def"
#undef FIELD
};

/** Envelope.row of collector/netsoak.proto. */
constexpr uint32_t kRow = 10;
// Numbers of fields.def.
constexpr uint32_t kFamily = 1001, kSourcePort = 1005, kDestinationPort = 1006, kSource = 1007, kDestination = 1008, kInterface = 1009;
constexpr uint32_t kCgroup = 2103, kFwmark = 3012;

/** What follows in a protobuf message: a field with its number or its bytes. */
struct Value {
  uint32_t number;
  bool delimited;
  uint64_t varint;
  const uint8_t* bytes;
  size_t length;
};

class Message {
 public:
  Message(const uint8_t* at, const uint8_t* end) : at_(at), end_(end) {}
  bool more() const { return at_ < end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool varint(uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; at_ < end_ && shift < 64; shift += 7) {
      value |= uint64_t{*at_ & 0x7fu} << shift;
      if (!(*at_++ & 0x80)) return true;
    }
    return false;
  }
  /** Varints and length-delimited fields: no other type is written. */
  bool next(Value& value) {
    uint64_t tag;
    if (!varint(tag) || !varint(value.varint)) return false;
    value.number = static_cast<uint32_t>(tag >> 3);
    value.bytes = at_;
    value.length = 0;
    value.delimited = (tag & 7) == 2;
    if ((tag & 7) == 0) return true;
    if (!value.delimited || value.varint > left()) return false;
    value.length = static_cast<size_t>(value.varint);
    at_ += value.length;
    return true;
  }

 private:
  const uint8_t *at_, *end_;
};

/** A subject and the room for its addresses. */
struct Subject {
  FilterSubject is{};
  uint8_t source[16] = {}, destination[16] = {};
  Subject() {
    is.source = source;
    is.destination = destination;
  }
};

bool selects(const uint8_t* program, size_t length, const Subject& subject) {
  return length == 0 || filter_selects(program, length, subject.is);
}

void number(std::string& out, uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

bool read_subject(Message row, Subject& subject) {
  Value value;
  while (row.more()) {
    if (!row.next(value)) return false;
    switch (value.number) {
      case kFamily: subject.is.family = static_cast<uint8_t>(value.varint); break;
      case kSourcePort: subject.is.source_port = static_cast<uint16_t>(value.varint); break;
      case kDestinationPort: subject.is.destination_port = static_cast<uint16_t>(value.varint); break;
      case kSource: memcpy(subject.source, value.bytes, std::min<size_t>(value.length, 16)); break;
      case kDestination: memcpy(subject.destination, value.bytes, std::min<size_t>(value.length, 16)); break;
      case kInterface: subject.is.interface = static_cast<uint32_t>(value.varint); break;
      case kCgroup: subject.is.cgroup = value.varint; break;
      case kFwmark: subject.is.mark = static_cast<uint32_t>(value.varint); break;
      default: break;
    }
  }
  return true;
}

void put_value(std::string& out, const Field& field, const Value& value, uint8_t family) {
  switch (field.shape) {
    case Shape::kNumber:
      number(out, value.varint);
      return;
    case Shape::kWide:
      out += '"';
      number(out, value.varint);
      out += '"';
      return;
    case Shape::kText:
      json_text(out, std::string(reinterpret_cast<const char*>(value.bytes), value.length));
      return;
    case Shape::kKind:
      out += value.varint == static_cast<uint64_t>(Kind::kClosed) ? "\"closed\"" : "\"poll\"";
      return;
    case Shape::kAddress: {
      uint8_t bytes[16] = {};
      memcpy(bytes, value.bytes, std::min<size_t>(value.length, sizeof bytes));
      char text[INET6_ADDRSTRLEN];
      out += '"';
      if (inet_ntop(family, bytes, text, sizeof text) != nullptr) out += text;
      out += '"';
      return;
    }
  }
}

bool put_row(std::string& out, Message row) {
  uint8_t family = AF_UNSPEC;
  const Field* field = kFields;
  const Field* const end = std::end(kFields);
  out += '{';
  Value value;
  while (row.more()) {
    if (!row.next(value)) return false;
    if (value.number == kFamily) family = static_cast<uint8_t>(value.varint);
    while (field < end && field->number < value.number) field++;
    if (field == end || field->number != value.number) continue;
    out += field->key;
    put_value(out, *field, value, family);
    out += ',';
  }
  if (out.back() == ',') out.back() = '}';
  else out += '}';
  out += '\n';
  return true;
}

bool of_protobuf(Message frame, const uint8_t* program, size_t program_length, Lines& out) {
  uint64_t length;
  if (!frame.varint(length) || length != frame.left()) return false;
  Value row;
  while (frame.more()) {
    if (!frame.next(row) || row.number != kRow || !row.delimited) return false;
    if (program_length != 0) {
      Subject subject;
      if (!read_subject({row.bytes, row.bytes + row.length}, subject)) return false;
      if (!selects(program, program_length, subject)) continue;
    }
    const size_t before = out.text.size();
    if (!put_row(out.text, {row.bytes, row.bytes + row.length})) {
      out.text.resize(before);
      return false;
    }
    out.rows++;
  }
  return true;
}

/** The value of a key in a line of encode_json, without quotes; empty when absent. A quote within a value is escaped, so no value looks like a key. */
std::string_view value_of(std::string_view line, std::string_view key) {
  const size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = line.substr(at + key.size());
  if (!rest.empty() && rest[0] == '"') rest.remove_prefix(1);
  return rest.substr(0, rest.find_first_of("\",}"));
}

uint64_t number_of(std::string_view line, std::string_view key) {
  const std::string_view digits = value_of(line, key);
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Subject subject_of_line(std::string_view line) {
  Subject subject;
  subject.is.family = static_cast<uint8_t>(number_of(line, "\"inet_diag_msg_family\":"));
  subject.is.source_port = static_cast<uint16_t>(number_of(line, "\"inet_diag_msg_socket_source_port\":"));
  subject.is.destination_port = static_cast<uint16_t>(number_of(line, "\"inet_diag_msg_socket_destination_port\":"));
  subject.is.interface = static_cast<uint32_t>(number_of(line, "\"inet_diag_msg_socket_interface\":"));
  subject.is.mark = static_cast<uint32_t>(number_of(line, "\"mark\":"));
  subject.is.cgroup = number_of(line, "\"c_group\":");
  inet_pton(subject.is.family, std::string(value_of(line, "\"inet_diag_msg_socket_source\":")).c_str(), subject.source);
  inet_pton(subject.is.family, std::string(value_of(line, "\"inet_diag_msg_socket_destination\":")).c_str(), subject.destination);
  return subject;
}

bool of_lines(std::string_view text, const uint8_t* program, size_t program_length, Lines& out) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos || text[0] != '{') return false;
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    if (program_length != 0 && !selects(program, program_length, subject_of_line(line))) continue;
    out.text += line;
    out.rows++;
  }
  return true;
}

}  // namespace

bool envelope_lines(const uint8_t* data, size_t length, Format format, const uint8_t* program, size_t program_length, Lines& out) {
  // A line is some four times as long as its row in protobuf.
  if (program_length == 0) out.text.reserve(format == Format::kProtobuf ? 5 * length : length);
  if (format == Format::kProtobuf) return of_protobuf({data, data + length}, program, program_length, out);
  return of_lines({reinterpret_cast<const char*>(data), length}, program, program_length, out);
}

}  // namespace netsoak
