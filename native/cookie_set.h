// The socket cookies of one dump. The kernel goes on with a dump by position in a hash chain: a socket that joins the chain
// between two receives pushes the others back, and one is sent again; a socket that turns to TIME_WAIT keeps its cookie too. Each would be
// a second row of the same socket in a poll.
//
// The kernel numbers sockets when they are first asked for, so those of a dump are close together: a word of 64 bits for 64 neighbours, found
// by hash, keeps the set in the first cache level. (A plain hash set of 40,000 cookies takes 2 MB and cost more than the encoding,
// half of it by driving the kernel's tables out of the cache.)
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace netsoak {

class CookieSet {
 public:
  CookieSet() { clear(); }
  /** Forgets everything. Memory is kept for the next namespace, but only the size in use is wiped. */
  void clear() {
    capacity_ = kLeast;
    size_ = 0;
    if (words_.size() < capacity_) words_.resize(capacity_);
    std::fill_n(words_.begin(), capacity_, Word{});
  }
  /** False when the cookie was there already. */
  bool add(uint64_t cookie) {
    // 0 marks a free place, so keys begin with 1; 2^58 of them leave room for that.
    const uint64_t key = (cookie >> 6) + 1;
    Word* word = find(key);
    if (word->key == 0) {
      if (size_ * 2 >= capacity_) {
        grow();
        word = find(key);
      }
      word->key = key;
      size_++;
    }
    const uint64_t bit = uint64_t{1} << (cookie & 63);
    if (word->bits & bit) return false;
    word->bits |= bit;
    return true;
  }

 private:
  struct Word {
    uint64_t key = 0;
    uint64_t bits = 0;
  };
  static constexpr size_t kLeast = 64;

  Word* find(uint64_t key) {
    // Fibonacci hashing: keys come in runs.
    size_t at = static_cast<size_t>((key * 0x9e3779b97f4a7c15u) >> 32) & (capacity_ - 1);
    while (words_[at].key != 0 && words_[at].key != key) at = (at + 1) & (capacity_ - 1);
    return &words_[at];
  }

  void grow() {
    const std::vector<Word> old(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(capacity_));
    capacity_ *= 2;
    if (words_.size() < capacity_) words_.resize(capacity_);
    std::fill_n(words_.begin(), capacity_, Word{});
    for (const Word& word : old) {
      if (word.key != 0) *find(word.key) = word;
    }
  }

  std::vector<Word> words_;
  size_t capacity_ = kLeast;
  size_t size_ = 0;
};

}  // namespace netsoak
