#include "decode.h"

#include <sys/socket.h>

#include <algorithm>

namespace netsoak {
namespace {

constexpr size_t kAttributeHeader = 4;
// linux/netlink.h: the two upper bits of a type are flags (nested, network byte order).
constexpr uint16_t kTypeMask = 0x3fff;

// linux/inet_diag.h
constexpr uint16_t kInetDiagPad = 14;
constexpr uint16_t kInetDiagUlpInfo = 19;
constexpr uint16_t kInetUlpInfoName = 1;
constexpr uint16_t kInetUlpInfoTls = 2;
constexpr uint16_t kInetUlpInfoMptcp = 3;

constexpr uint8_t kFlagSet = 1;

// Compared by address in count().
constexpr char kAttr[] = "attr", kTail[] = "tail", kShort[] = "short", kTls[] = "tls", kMptcp[] = "mptcp", kUlp[] = "ulp";

struct Attribute {
  uint16_t type;
  const uint8_t* data;
  size_t length;
};

/** Steps over nlattr after nlattr; stops at the first that does not fit. */
class AttributeWalk {
 public:
  AttributeWalk(const uint8_t* bytes, size_t length) : at_(bytes), left_(length) {}
  bool next(Attribute& attribute) {
    if (left_ < kAttributeHeader) return false;
    const size_t length = load<uint16_t>(at_);
    if (length < kAttributeHeader || length > left_) return false;
    attribute = {static_cast<uint16_t>(load<uint16_t>(at_ + 2) & kTypeMask), at_ + kAttributeHeader, length - kAttributeHeader};
    const size_t step = std::min(left_, (length + 3) & ~size_t{3});
    at_ += step;
    left_ -= step;
    return true;
  }

 private:
  const uint8_t* at_;
  size_t left_;
};

constexpr unsigned kAttributes = 23;

struct Known {
  Block block = kBlocks;
  /** Of the whole attribute, its header included: the one length that needs no second look. */
  uint16_t length = 0;
};

struct KnownAttributes {
  Known of[kAttributes];
  constexpr KnownAttributes() : of{} {
#define BLOCK(id, attribute, size, least) \
  if (attribute >= 0) of[attribute >= 0 ? attribute : 0] = {id, size + kAttributeHeader};
#include "fields.def"
  }
};
constexpr KnownAttributes kKnown;

constexpr uint16_t kLeast[kBlocks] = {
#define BLOCK(id, attribute, size, least) least,
#include "fields.def"
};

// TLS_INFO_* 1 to 6 (linux/tls.h) and MPTCP_SUBFLOW_ATTR_* 1 to 10 (linux/mptcp.h) stand in fields.def in the kernel's order.
constexpr unsigned kTlsAttributes = 6;
constexpr unsigned kMptcpAttributes = 10;
constexpr uint16_t kMptcpPad = 11;
static_assert(kTlsVersion + kTlsAttributes - 1 == kTlsNoPad && kMptcpTokenRemote + kMptcpAttributes - 1 == kMptcpIdLocal);

}  // namespace

void Counts::add(const std::string& key, uint64_t count) {
  auto found = counts_.find(key);
  if (found == counts_.end()) found = counts_.emplace(counts_.size() < kMost ? key : "other", 0).first;
  found->second += count;
}

void Counts::merge(const Counts& other) {
  for (const auto& [key, count] : other.counts_) add(key, count);
}

Next MessageWalk::next() {
  const size_t left = static_cast<size_t>(end_ - at_);
  if (left == 0) return Next::kEnd;
  if (left < kMessageHeader) return Next::kCut;
  memcpy(&header, at_, sizeof header);
  if (header.length < kMessageHeader) return Next::kJunk;
  if (header.length > left) return Next::kCut;
  payload = at_ + kMessageHeader;
  payload_length = header.length - kMessageHeader;
  at_ += std::min(left, (size_t{header.length} + 3) & ~size_t{3});
  return Next::kMessage;
}

bool Decoder::decode(const uint8_t* payload, size_t length, Row& row) {
  constexpr size_t kMessageSize = 72;
  static_assert(kBlockSize[kMessage] == kMessageSize);
  if (length < kMessageSize) return false;
  if (payload[0] != AF_INET && payload[0] != AF_INET6) return false;
  memset(row.length, 0, sizeof row.length);
  row.data[kMessage] = payload;
  row.length[kMessage] = kMessageSize;

  // As AttributeWalk, written out: this loop runs a dozen times a socket, nearly always through its first branch.
  const uint8_t* at = payload + kMessageSize;
  size_t left = length - kMessageSize;
  while (left >= kAttributeHeader) {
    const uint16_t size = load<uint16_t>(at);
    if (size < kAttributeHeader || size > left) break;
    const uint16_t type = load<uint16_t>(at + 2) & kTypeMask;
    const Known known = type < kAttributes ? kKnown.of[type] : Known{};
    if (size == known.length) {
      row.data[known.block] = at + kAttributeHeader;
      row.length[known.block] = static_cast<uint16_t>(size - kAttributeHeader);
    } else if (known.block != kBlocks) {
      place(row, known.block, type, at + kAttributeHeader, size - kAttributeHeader);
    } else if (type == kInetDiagUlpInfo) {
      decode_ulp(row, at + kAttributeHeader, size - kAttributeHeader);
    } else if (type != kInetDiagPad) {
      count(kAttr, type, size - kAttributeHeader);
    }
    const size_t step = (size_t{size} + 3) & ~size_t{3};
    if (step > left) break;
    at += step;
    left -= step;
  }
  return true;
}

void Decoder::place(Row& row, Block block, uint16_t attribute, const uint8_t* data, size_t length) {
  if (length > kBlockSize[block]) count(kTail, attribute, length);
  if (length < kLeast[block]) {
    count(kShort, attribute, length);
    return;
  }
  // Text has no values to pad.
  if (length >= kBlockSize[block] || block == kCongestion || block == kUlpName) {
    row.data[block] = data;
    row.length[block] = static_cast<uint16_t>(std::min<size_t>(length, kBlockSize[block]));
    return;
  }
  const uint16_t whole = whole_values(block, length);
  memcpy(padded_[block], data, whole);
  memset(padded_[block] + whole, 0, kBlockSize[block] - whole);
  row.data[block] = padded_[block];
  row.length[block] = whole;
}

void Decoder::decode_ulp(Row& row, const uint8_t* data, size_t length) {
  AttributeWalk walk(data, length);
  Attribute part;
  while (walk.next(part)) {
    if (part.type == kInetUlpInfoName) {
      place(row, kUlpName, kInetDiagUlpInfo, part.data, part.length);
    } else if (part.type == kInetUlpInfoTls || part.type == kInetUlpInfoMptcp) {
      const bool tls = part.type == kInetUlpInfoTls;
      AttributeWalk inner(part.data, part.length);
      Attribute value;
      while (inner.next(value)) {
        if (value.type == 0 || value.type > (tls ? kTlsAttributes : kMptcpAttributes)) {
          if (tls || value.type != kMptcpPad) count(tls ? kTls : kMptcp, value.type, value.length);
          continue;
        }
        const auto block = static_cast<Block>((tls ? kTlsVersion : kMptcpTokenRemote) + value.type - 1);
        // The two flags of TLS are said by being there: they have no payload.
        if (block == kTlsZeroCopy || block == kTlsNoPad) {
          row.data[block] = &kFlagSet;
          row.length[block] = 1;
        } else {
          place(row, block, kInetDiagUlpInfo, value.data, value.length);
        }
      }
    } else {
      count(kUlp, part.type, part.length);
    }
  }
}

/** The longest part of `length` bytes of a block that ends with a whole value. */
uint16_t Decoder::whole_values(Block block, size_t length) {
  if (asked_[block] == length) return whole_[block];
  size_t whole = 0;
  const auto value = [&](Block of, size_t end) {
    if (of == block && end <= length) whole = std::max(whole, end);
  };
#define U8(number, name, block, offset) value(block, offset + 1);
#define BITS(number, name, block, offset, shift, bits) value(block, offset + 1);
#define U16(number, name, block, offset) value(block, offset + 2);
#define BE16(number, name, block, offset) value(block, offset + 2);
#define U32(number, name, block, offset) value(block, offset + 4);
#define U64(number, name, block, offset) value(block, offset + 8);
#include "fields.def"
  asked_[block] = static_cast<uint16_t>(length);
  whole_[block] = static_cast<uint16_t>(whole);
  return whole_[block];
}

void Decoder::count(const char* what, unsigned type, size_t length) {
  for (Unknown& seen : unknown_) {
    if (seen.what == what && seen.type == type && seen.length == length) {
      seen.count++;
      return;
    }
  }
  if (unknown_.size() < Counts::kMost) {
    unknown_.push_back({what, type, length, 1});
  } else {
    unknown_.back().count++;
  }
}

void Decoder::drain_unknown(Counts& counts) {
  for (const Unknown& seen : unknown_) {
    counts.add(std::string(seen.what) + ':' + std::to_string(seen.type) + ':' + std::to_string(seen.length), seen.count);
  }
  unknown_.clear();
}

}  // namespace netsoak
