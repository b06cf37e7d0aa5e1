// libFuzzer target: any bytes as a netlink stream, through decoder, both encoders and the envelope writer. A crash, an over-read or a
// broken promise (an envelope that is not made of its rows) stops it.
//   build/fuzz/decode_fuzz -max_len=4096 -runs=1000000 CORPUS
#include <stdlib.h>

#include <cstring>
#include <memory>
#include <vector>

#include "../capture.h"
#include "../encode_proto.h"
#include "../envelope.h"

using namespace netsoak;

namespace {

void require(bool promise) {
  if (!promise) abort();
}

uint64_t read_varint(const uint8_t*& at, const uint8_t* end) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    require(at < end && shift < 64);
    value |= uint64_t{*at & 0x7fu} << shift;
    if (!(*at++ & 0x80)) return value;
  }
}

/** A frame is a length and rows, each a tag, a length and fields with ascending numbers. Returns the rows. */
uint32_t check_frame(const uint8_t* at, const uint8_t* end) {
  require(read_varint(at, end) == static_cast<uint64_t>(end - at));
  uint32_t rows = 0;
  while (at < end) {
    require(*at++ == (10 << 3 | 2));
    const uint64_t length = read_varint(at, end);
    require(length <= static_cast<uint64_t>(end - at));
    const uint8_t* const row_end = at + length;
    uint64_t last = 0;
    while (at < row_end) {
      const uint64_t tag = read_varint(at, row_end);
      require(tag >> 3 > last);
      last = tag >> 3;
      const uint64_t value = read_varint(at, row_end);
      require(value != 0);
      if ((tag & 7) == 2) {
        require(value <= static_cast<uint64_t>(row_end - at));
        at += value;
      } else {
        require((tag & 7) == 0);
      }
    }
    require(at == row_end);
    rows++;
  }
  return rows;
}

/** Both ways to spread the bits of a varint give the same bytes. */
void require_same_fields(const Row& row, const Columns& columns, uint64_t counter) {
  static uint8_t plain[2 * kProtoRowBound], fast[2 * kProtoRowBound];
  if (!has_fast_bmi2()) return;
  const auto length = put_fields_plain(plain, row, columns, counter, false) - plain;
  require(put_fields_bmi2(fast, row, columns, counter, false) - fast == length);
  require(memcmp(plain, fast, static_cast<size_t>(length)) == 0);
}

/** Through the writer with small limits: nothing lost, nothing longer than asked for. */
void through_envelopes(const uint8_t* bytes, size_t length) {
  constexpr uint32_t kRows = 3, kBytes = 1500;
  static Pool pool(1);
  uint32_t out = 0, in = 0;
  EnvelopeWriter writer(pool, Format::kProtobuf, {kRows, kBytes}, [&](const FinishedEnvelope& envelope) {
    const uint32_t rows = check_frame(pool.bytes(envelope.block) + envelope.start, pool.bytes(envelope.block) + envelope.end);
    require(rows == envelope.rows && rows <= kRows && (rows == 1 || envelope.end - envelope.start <= kBytes));
    out += rows;
    pool.release(envelope.block);
  });
  static const Columns columns = [] {
    Columns columns(Format::kProtobuf);
    Identity identity;
    identity.daemon_version = "1";
    identity.hostname = "host";
    columns.set_identity(identity);
    columns.set_namespace({"name", 1, "", "", 2}, 3, Kind::kPoll);
    columns.set_timestamp(4);
    return columns;
  }();
  Decoder decoder;
  Row row;
  MessageWalk walk(bytes, length);
  while (walk.next() == Next::kMessage) {
    if (!decoder.decode(walk.payload, walk.payload_length, row)) continue;
    in++;
    require_same_fields(row, columns, in);
    require(writer.add(row, columns, in, in % 2 == 0) > 0);
  }
  writer.flush();
  require(in == out);
  // As a poll sums up what its workers saw.
  Counts one, all;
  decoder.drain_unknown(one);
  all.merge(one);
  require(all.all() == one.all() && one.all().size() <= Counts::kMost + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An allocation of exactly this size: ASan sees a read of one byte too many.
  const std::unique_ptr<uint8_t[]> bytes(new uint8_t[size]);
  if (size > 0) memcpy(bytes.get(), data, size);
  for (const Format format : {Format::kProtobuf, Format::kJsonl}) {
    CaptureDecoder decoder(format, nullptr);
    decoder.packet(bytes.get(), size, 1);
    decoder.finish();
    if (format == Format::kJsonl) {
      uint64_t lines = 0;
      for (const char byte : decoder.output) lines += byte == '\n';
      require(lines == decoder.rows);
    }
  }
  through_envelopes(bytes.get(), size);
  return 0;
}
