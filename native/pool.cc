#include "pool.h"

#include <chrono>
#include <numeric>
#include <utility>

namespace netsoak {
namespace {
constexpr std::chrono::seconds kPatienceAfterClose{1};
}

Pool::Pool(size_t blocks, std::function<void()> starved)
    : memory_(std::make_shared<const Arena>(blocks * kBlockBytes)), starved_(std::move(starved)), free_(blocks) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

int Pool::acquire() {
  std::unique_lock lock(mutex_);
  bool told = false;
  while (free_.empty()) {
    if (aborted_) return kNone;
    if (!told) {
      told = true;
      lock.unlock();
      starved_();
      lock.lock();
    } else if (closed_) {
      // Once is enough: the namespaces that are left need not wait each.
      if (freed_.wait_for(lock, kPatienceAfterClose) == std::cv_status::timeout && free_.empty()) aborted_ = true;
    } else {
      freed_.wait(lock);
    }
  }
  const int block = free_.back();
  free_.pop_back();
  return block;
}

void Pool::release(int block) {
  std::lock_guard lock(mutex_);
  free_.push_back(block);
  freed_.notify_one();
}

void Pool::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  freed_.notify_all();
}

void Pool::abort() {
  std::lock_guard lock(mutex_);
  aborted_ = true;
  freed_.notify_all();
}

}  // namespace netsoak
