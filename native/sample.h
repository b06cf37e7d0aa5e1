// Which sockets a sample keeps.
#pragma once
#include <cstdint>

namespace netsoak {

/** Keeps 1 in `every` sockets, chosen by their cookie alone: the same ones in every poll, in every process. */
class Sample {
 public:
  explicit Sample(uint32_t every = 1) : every_(every) {}
  bool keeps(uint64_t cookie) const { return every_ <= 1 || mix(cookie) % every_ == 0; }

 private:
  /** Cookies are given out in runs, one for each CPU: every bit must decide. Finaliser of splitmix64 (Steele, Lea, Flood 2014). */
  static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
  }
  uint32_t every_;
};

}  // namespace netsoak
