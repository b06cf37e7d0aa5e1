// The socket cookies of one dump. The kernel goes on with a dump by position in a hash chain: a socket that joins the chain
// between two receives pushes the others back, and one is sent again; a socket that turns to TIME_WAIT keeps its cookie too. Each would be
// a second row of the same socket in a poll.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace netsoak {

class CookieSet {
 public:
  CookieSet() { clear(); }
  /** Forgets everything; memory is kept for the next namespace, but only the size in use is wiped. */
  void clear() {
    capacity_ = kLeast;
    size_ = 0;
    has_zero_ = false;
    if (slots_.size() < capacity_) slots_.resize(capacity_);
    std::fill_n(slots_.begin(), capacity_, 0);
  }
  /** False when the cookie was there already. */
  bool add(uint64_t cookie) {
    if (cookie == 0) {
      const bool fresh = !has_zero_;
      has_zero_ = true;
      return fresh;
    }
    if (size_ * 2 >= capacity_) grow();
    uint64_t& slot = find(cookie);
    if (slot == cookie) return false;
    slot = cookie;
    size_++;
    return true;
  }

 private:
  static constexpr size_t kLeast = 256;

  uint64_t& find(uint64_t cookie) {
    // Fibonacci hashing: cookies are handed out in runs.
    size_t at = static_cast<size_t>((cookie * 0x9e3779b97f4a7c15u) >> 32) & (capacity_ - 1);
    while (slots_[at] != 0 && slots_[at] != cookie) at = (at + 1) & (capacity_ - 1);
    return slots_[at];
  }

  void grow() {
    const std::vector<uint64_t> old(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(capacity_));
    capacity_ *= 4;
    if (slots_.size() < capacity_) slots_.resize(capacity_);
    std::fill_n(slots_.begin(), capacity_, 0);
    for (const uint64_t cookie : old) {
      if (cookie != 0) find(cookie) = cookie;
    }
  }

  std::vector<uint64_t> slots_;
  size_t capacity_ = kLeast;
  size_t size_ = 0;
  bool has_zero_ = false;
};

}  // namespace netsoak
