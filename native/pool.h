// The blocks that envelopes are written into: one piece of memory that workers and JavaScript share. Workers take a block, JS gives it back by an
// explicit release. Copying envelopes into new Buffers costs 3,000 page faults a poll, and buffers that come back by finalizers never come back
// from an idle JS thread.
//
// The pool bounds everything that waits for JS: a worker that finds no block waits. It hands out the block that came back last, so that few are
// ever touched.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "arena.h"

namespace netsoak {

class Pool {
 public:
  static constexpr size_t kBlockBytes = 1 << 20;
  static constexpr int kNone = -1;

  /**
   * @param starved there is no block, nor will be one until JS releases one of those it was told of; called without the lock, by who is about to wait.
   * @throws as Arena
   */
  explicit Pool(size_t blocks, std::function<void()> starved = [] {});

  /** A block, waiting for one if none is free; kNone when the pool was closed and none came back for a second, or was aborted. */
  int acquire();
  void release(int block);
  uint8_t* bytes(int block) const { return memory_->data() + static_cast<size_t>(block) * kBlockBytes; }
  /** All blocks in their order. Whoever looks into one of them keeps it. */
  std::shared_ptr<const Arena> memory() const { return memory_; }
  /** From now on waiting has an end: the consumer may never release again. */
  void close();
  /** Nobody releases any more: every wait ends at once. */
  void abort();

 private:
  const std::shared_ptr<const Arena> memory_;
  const std::function<void()> starved_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<int> free_;
  bool closed_ = false;
  bool aborted_ = false;
};

}  // namespace netsoak
