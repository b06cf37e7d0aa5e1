// Rows out of recorded netlink bytes: no kernel, no namespace, no columns but those asked for. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "columns.h"
#include "decode.h"

namespace netsoak {

class CaptureDecoder {
 public:
  CaptureDecoder(Format format, const Identity* identity);
  /** One packet: nlmsghdr after nlmsghdr, seen at `timestamp` (nanoseconds; 0: unknown). */
  void packet(const uint8_t* bytes, size_t length, int64_t timestamp);
  /** Ends the last frame. */
  void finish();

  /** Frames `varint(length) || Envelope`, or lines. */
  std::string output;
  uint64_t rows = 0;
  Counts unknown;
  /** Messages that are no socket, by reason; see Decoded.skipped in index.ts. */
  Counts skipped;

 private:
  void message(const MessageWalk& walk);
  uint8_t protocol_of(const MessageWalk& walk);

  /**
   * What the last request of this sequence number asked for: answers do not say their protocol. Not by port, which most requests leave 0 and
   * the kernel fills in; ss gives the same number to every request.
   */
  std::map<uint32_t, uint8_t> asked_;
  /** The protocol of dumps that go on, by port and sequence number of their answers: another request may come between. */
  std::map<uint64_t, uint8_t> dumps_;
  Columns columns_;
  Decoder decoder_;
  std::string frame_;
  std::unique_ptr<char[]> row_;
  size_t room_ = 0;
};

}  // namespace netsoak
