// Route messages that were judged right. A later look leaves out what is still so, byte for byte but for its age: a converged table of
// 100,000 routes is compared here, and JavaScript hears only what has changed.
#pragma once
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace netsoak::rtnl {

class Known {
 public:
  Known();

  /** Begins a look: nothing has been seen. What bears one of these tags is known no more. */
  void begin(const std::vector<double>& forget);
  /** Whether this route message is known; marks it as seen. Those that are not are counted, from 0 in each look. */
  bool seen(const nlmsghdr& message);
  /** Unknown messages of this look, by their number, are right; each under its tag. */
  void learn(const std::vector<uint32_t>& indexes, const std::vector<double>& tags);
  /** Tags of what was known and has not been seen in this look. Known no more. */
  std::vector<double> lost();

 private:
  /** 128 bits under a random key: two routes of one table do not meet by chance. */
  struct Digest {
    uint64_t low;
    uint64_t high;
    bool operator==(const Digest& other) const { return low == other.low && high == other.high; }
  };
  struct Hash {
    size_t operator()(const Digest& digest) const { return static_cast<size_t>(digest.low); }
  };
  struct Entry {
    double tag;
    uint32_t look;
  };

  Digest digest(const nlmsghdr& message) const;

  uint64_t key_[2];
  uint32_t look_ = 0;
  std::unordered_map<Digest, Entry, Hash> entries_;
  std::vector<Digest> fresh_;
};

}  // namespace netsoak::rtnl
