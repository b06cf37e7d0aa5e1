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
  /** The protocol that the request asked for, by its port and sequence number; its answers do not say which it is. */
  std::map<uint64_t, uint8_t> asked_;
  void message(const MessageWalk& walk);
  Columns columns_;
  Decoder decoder_;
  std::string frame_;
  std::unique_ptr<char[]> row_;
  size_t room_ = 0;
};

}  // namespace netsoak
