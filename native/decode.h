// Netlink bytes -> Row. Pure: no system call, no allocation for known input, never reads outside the bytes given.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "row.h"

namespace netsoak {

/** Counts by a short text key, bounded: beyond `kMost` keys the rest is counted as `other`, so that garbage can't grow it. */
class Counts {
 public:
  static constexpr size_t kMost = 256;
  void add(const std::string& key, uint64_t count = 1);
  void merge(const Counts& other);
  void clear() { counts_.clear(); }
  const std::map<std::string, uint64_t>& all() const { return counts_; }

 private:
  std::map<std::string, uint64_t> counts_;
};

/** struct nlmsghdr (linux/netlink.h), read without alignment. */
struct MessageHeader {
  uint32_t length;
  uint16_t type;
  uint16_t flags;
  uint32_t sequence;
  uint32_t port;
};
constexpr size_t kMessageHeader = 16;

/** Where a walk over a stream of messages stands. */
enum class Next {
  kMessage,
  /** No byte is left. */
  kEnd,
  /** A message is longer than what is left. */
  kCut,
  /** A length below that of a header: what follows is no message. */
  kJunk,
};

/** Steps over nlmsghdr after nlmsghdr. After kMessage, `header`, `payload` and `payload_length` describe it. */
class MessageWalk {
 public:
  MessageWalk(const uint8_t* bytes, size_t length) : at_(bytes), end_(bytes + length) {}
  Next next();
  MessageHeader header{};
  const uint8_t* payload = nullptr;
  size_t payload_length = 0;

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

/** Turns the payload of an inet_diag message into a Row. One for each thread: it keeps the padded copies and the counts. */
class Decoder {
 public:
  /** False when it is too short for struct inet_diag_msg or of another family than IPv4 and IPv6. The row is valid until the next call. */
  bool decode(const uint8_t* payload, size_t length, Row& row);
  /** Moves what was seen and not known into `counts`: `attr:TYPE:LENGTH`, `tail:TYPE:LENGTH`, `short:TYPE:LENGTH`. */
  void drain_unknown(Counts& counts);

 private:
  struct Unknown {
    const char* what;
    unsigned type;
    size_t length;
    uint64_t count;
  };
  void place(Row& row, Block block, uint16_t attribute, const uint8_t* data, size_t length);
  void decode_ulp(Row& row, const uint8_t* data, size_t length);
  uint16_t whole_values(Block block, size_t length);
  void count(const char* what, unsigned type, size_t length);

  /** Few kinds in practice, and a newer kernel sends them with every socket: a short list is faster than a map. */
  std::vector<Unknown> unknown_;
  static constexpr size_t kPadding = 288;
  alignas(8) uint8_t padded_[kBlocks][kPadding];
  /** The last answer of whole_values for each block: a kernel sends the same length again and again. */
  uint16_t asked_[kBlocks] = {};
  uint16_t whole_[kBlocks] = {};
};

}  // namespace netsoak
