// The blocks that envelopes are written into. Their memory belongs to JavaScript (Buffer.allocUnsafeSlow); workers take a block, JS
// gives it back by an explicit release. Copying envelopes into new Buffers costs 3,000 page faults a poll, and buffers that come
// back by finalizers never come back from an idle JS thread.
//
// The pool bounds everything that waits for JS: a worker that finds no block waits. It grows by one block at a time, when all are
// out, and hands out the block that came back last, so that few are ever touched.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace netsoak {

class Pool {
 public:
  static constexpr size_t kBlockBytes = 1 << 20;
  static constexpr int kNone = -1;

  /**
   * @param grow asks JS for one more block; called without the lock, answered by add() at any time later.
   * @param starved there is none, nor will be one until JS releases one of those it was told of; called without the lock, by who is about to wait.
   */
  Pool(size_t most, std::function<void()> grow, std::function<void()> starved = [] {})
      : most_(most), grow_(std::move(grow)), starved_(std::move(starved)) {}

  /** Adds a block of kBlockBytes. */
  void add(uint8_t* bytes);
  /** A block, waiting for one if none is free; kNone when the pool was closed and none came back for a second, or was aborted. */
  int acquire();
  void release(int block);
  uint8_t* bytes(int block);
  /** From now on waiting has an end: the consumer may never release again. */
  void close();
  /** Nobody releases any more: every wait ends at once. */
  void abort();

 private:
  const size_t most_;
  const std::function<void()> grow_;
  const std::function<void()> starved_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<uint8_t*> blocks_;
  std::vector<int> free_;
  size_t promised_ = 0;
  bool closed_ = false;
  bool aborted_ = false;
};

}  // namespace netsoak
