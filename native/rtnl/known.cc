#include "known.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/random.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>

namespace netsoak::rtnl {
namespace {

/** The finalizer of MurmurHash3: every bit of the input changes half of the bits of the output. */
uint64_t mix(uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ (value >> 33);
}

}  // namespace

Known::Known() {
  if (getrandom(key_, sizeof key_, 0) != sizeof key_) key_[0] = key_[1] = reinterpret_cast<uintptr_t>(this);
}

Known::Digest Known::digest(const nlmsghdr& message) const {
  Digest sum{key_[0], key_[1]};
  const auto add = [&sum](const uint8_t* at, size_t length) {
    for (; length > 0;) {
      uint64_t word = 0;
      const size_t part = std::min(length, sizeof word);
      memcpy(&word, at, part);
      sum.low = mix(sum.low ^ word) + part;
      sum.high = mix(sum.high + (word ^ 0x9e3779b97f4a7c15ULL));
      at += part;
      length -= part;
    }
  };
  // Past nlmsghdr: its sequence differs from dump to dump.
  const auto* at = reinterpret_cast<const uint8_t*>(&message) + NLMSG_HDRLEN;
  const auto* end = reinterpret_cast<const uint8_t*>(&message) + message.nlmsg_len;
  add(at, std::min<size_t>(sizeof(rtmsg), static_cast<size_t>(end - at)));
  at += NLMSG_ALIGN(sizeof(rtmsg));
  while (at + sizeof(nlattr) <= end) {
    nlattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) break;
    // Times of use and expiry: they pass by themselves.
    if ((attribute.nla_type & NLA_TYPE_MASK) != RTA_CACHEINFO) add(at, attribute.nla_len);
    at += NLA_ALIGN(attribute.nla_len);
  }
  return sum;
}

void Known::begin(const std::vector<double>& forget) {
  look_++;
  fresh_.clear();
  if (forget.empty()) return;
  const std::unordered_set<double> tags(forget.begin(), forget.end());
  for (auto at = entries_.begin(); at != entries_.end();) at = tags.count(at->second.tag) != 0 ? entries_.erase(at) : std::next(at);
}

bool Known::seen(const nlmsghdr& message) {
  const Digest sum = digest(message);
  const auto found = entries_.find(sum);
  if (found == entries_.end()) {
    fresh_.push_back(sum);
    return false;
  }
  found->second.look = look_;
  return true;
}

void Known::learn(const std::vector<uint32_t>& indexes, const std::vector<double>& tags) {
  for (size_t at = 0; at < indexes.size() && at < tags.size(); at++) {
    if (indexes[at] < fresh_.size()) entries_[fresh_[indexes[at]]] = {tags[at], look_};
  }
}

std::vector<double> Known::lost() {
  std::vector<double> tags;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.look == look_) {
      ++at;
      continue;
    }
    tags.push_back(at->second.tag);
    at = entries_.erase(at);
  }
  return tags;
}

}  // namespace netsoak::rtnl
