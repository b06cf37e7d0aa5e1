// What the parts of the load share.
#pragma once

#include "ledger.h"
#include "netns.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

struct Counters {
  std::atomic<std::uint64_t> adds{0};
  std::atomic<std::uint64_t> deletes{0};
  std::atomic<std::uint64_t> namespaces{0};
  std::atomic<std::uint64_t> sockets{0};
  std::atomic<std::uint64_t> late{0};
};

struct World {
  Namespaces& spaces;
  Ledger& ledger;
  Counters& counters;
  std::uint64_t seed;
  // Set once the program has been told to end: long work stops at the next safe point.
  std::atomic<bool>& stopping;
  // Called from any thread when the load can't go on; the program then cleans up and exits 3.
  std::function<void(const std::string&)> fatal;
};

// A sleep that another thread can end for good.
class Alarm {
 public:
  // True when rung, false when the time came first.
  bool waitUntil(std::chrono::steady_clock::time_point when) {
    std::unique_lock<std::mutex> hold(mutex_);
    return rung_.wait_until(hold, when, [this] { return ringing_; });
  }
  void ring() {
    const std::lock_guard<std::mutex> hold(mutex_);
    ringing_ = true;
    rung_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable rung_;
  bool ringing_ = false;
};
