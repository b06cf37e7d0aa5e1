// libFuzzer target for what those see who watch a running daemon: any bytes as an envelope, through the transcoder and a filter. Then the same bytes
// as a netlink stream: of the envelopes that the encoders make of it, every row is a line, and a filter takes the same rows in either format.
#include <linux/inet_diag.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../bytecode.h"
#include "../decode.h"
#include "../encode_json.h"
#include "../encode_proto.h"
#include "../envelope.h"
#include "../lines.h"

using namespace netsoak;

namespace {

void require(bool promise) {
  if (!promise) abort();
}

size_t count_lines(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

/** `sport >= 0x200`: a comparison takes its port from a second operation (linux/inet_diag.h). */
const std::vector<uint8_t>& program() {
  static const std::vector<uint8_t> made = [] {
    const inet_diag_bc_op ops[2] = {{INET_DIAG_BC_S_GE, 2 * sizeof(inet_diag_bc_op), 3 * sizeof(inet_diag_bc_op)}, {INET_DIAG_BC_NOP, 0, 0x200}};
    const auto* const bytes = reinterpret_cast<const uint8_t*>(ops);
    return std::vector<uint8_t>(bytes, bytes + sizeof ops);
  }();
  return made;
}

Lines lines_of(const uint8_t* bytes, size_t length, Format format, bool filtered, bool& whole) {
  Lines lines;
  whole = envelope_lines(bytes, length, format, filtered ? program().data() : nullptr, filtered ? program().size() : 0, lines);
  require(format == Format::kJsonl || count_lines(lines.text) == lines.rows);
  return lines;
}

void any_bytes(const uint8_t* bytes, size_t length) {
  for (const Format format : {Format::kProtobuf, Format::kJsonl}) {
    bool all_whole, some_whole;
    const Lines all = lines_of(bytes, length, format, false, all_whole);
    const Lines some = lines_of(bytes, length, format, true, some_whole);
    // A filter looks into rows ahead of the transcoder, so that either may be the first to see that they are none.
    require(!all_whole || some.rows <= all.rows);
  }
}

void own_envelope(const uint8_t* bytes, size_t length) {
  static std::vector<uint8_t> proto(Pool::kBlockBytes), json(Pool::kBlockBytes);
  static const auto columns_for = [](Format format) {
    Columns columns(format);
    Identity identity;
    identity.daemon_version = "1";
    identity.hostname = "host";
    columns.set_identity(identity);
    columns.set_namespace({"a \"name\"\n", 1, "", "", 2}, 3, Kind::kClosed);
    columns.set_timestamp(4);
    return columns;
  };
  static const Columns of_proto = columns_for(Format::kProtobuf), of_json = columns_for(Format::kJsonl);
  constexpr size_t kHead = 5, kRowRoom = 64 * 1024;
  uint8_t* proto_end = proto.data() + kHead;
  uint8_t* json_end = json.data();
  size_t rows = 0, selected = 0;
  Decoder decoder;
  Row row;
  MessageWalk walk(bytes, length);
  while (walk.next() == Next::kMessage && json_end + kRowRoom < json.data() + json.size()) {
    if (!decoder.decode(walk.payload, walk.payload_length, row)) continue;
    rows++;
    selected += load_be16(row.data[kMessage] + 4) >= 0x200;
    proto_end = encode_proto(proto_end, row, of_proto, rows, false);
    json_end = encode_json(json_end, row, of_json, rows, false);
  }
  const uint8_t* const frame = put_frame_length(proto.data() + kHead, static_cast<size_t>(proto_end - proto.data()) - kHead);
  bool whole;
  for (const bool filtered : {false, true}) {
    const size_t expected = filtered ? selected : rows;
    require(lines_of(frame, static_cast<size_t>(proto_end - frame), Format::kProtobuf, filtered, whole).rows == expected && whole);
    require(lines_of(json.data(), static_cast<size_t>(json_end - json.data()), Format::kJsonl, filtered, whole).rows == expected && whole);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An allocation of exactly this size: ASan sees a read of one byte too many.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[size]);
  if (size > 0) memcpy(bytes.get(), data, size);
  any_bytes(bytes.get(), size);
  own_envelope(bytes.get(), size);
  return 0;
}
