#include "pool.h"

#include <chrono>

namespace netsoak {
namespace {
constexpr std::chrono::seconds kPatienceAfterClose{1};
}

void Pool::add(uint8_t* bytes) {
  std::lock_guard lock(mutex_);
  blocks_.push_back(bytes);
  free_.push_back(static_cast<int>(blocks_.size()) - 1);
  if (promised_ > 0) promised_--;
  freed_.notify_one();
}

int Pool::acquire() {
  std::unique_lock lock(mutex_);
  bool told = false;
  while (free_.empty()) {
    if (aborted_) return kNone;
    if (!closed_ && blocks_.size() + promised_ < most_) {
      promised_++;
      lock.unlock();
      grow_();
      lock.lock();
    } else if (!told) {
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

uint8_t* Pool::bytes(int block) {
  std::lock_guard lock(mutex_);
  return blocks_[static_cast<size_t>(block)];
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
