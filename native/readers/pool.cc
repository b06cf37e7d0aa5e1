#include "reader.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

// Threads that all do the same for each poll and are waited for; the condition variable stands in for the collector's queue.
class Crew : public Reader {
 public:
  ~Crew() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  Tally poll() override {
    std::unique_lock lock(mutex_);
    sum_ = Tally{};
    begin();
    generation_++;
    working_ = threads_.size();
    work_.notify_all();
    done_.wait(lock, [&] { return working_ == 0; });
    return sum_;
  }

 protected:
  void start(unsigned count) {
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this, i] { live(i); });
  }
  virtual void begin() {}
  virtual Tally work(unsigned thread, unsigned char* buffer) = 0;

 private:
  void live(unsigned thread) {
    const std::unique_ptr<unsigned char[]> buffer(new unsigned char[kReceiveBytes]);
    for (std::uint64_t served = 0;;) {
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return ending_ || generation_ != served; });
        if (ending_) return;
        served = generation_;
      }
      const Tally mine = work(thread, buffer.get());
      const std::lock_guard lock(mutex_);
      sum_.add(mine);
      if (--working_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::uint64_t generation_ = 0;
  std::size_t working_ = 0;
  bool ending_ = false;
  Tally sum_;
};

class Pool : public Crew {
 public:
  Pool(std::vector<std::string> spaces, unsigned workers, Sockets sockets, Families families)
      : spaces_(std::move(spaces)), cached_(sockets == Sockets::cached), requests_(requests(families)), held_(spaces_.size(), -1) {
    // One worker needs no thread beside ours, nor a handover to it.
    if (workers > 1) start(workers);
    else buffer_.reset(new unsigned char[kReceiveBytes]);
  }

  Tally poll() override {
    if (!buffer_) return Crew::poll();
    begin();
    return work(0, buffer_.get());
  }

 private:
  void begin() override { next_ = 0; }

  Tally work(unsigned, unsigned char* buffer) override {
    Tally tally;
    for (std::size_t i; (i = next_++) < spaces_.size();) {
      int socket = held_[i];
      if (socket < 0) socket = openIn(spaces_[i]);
      for (const auto& request : requests_) dump(socket, request, buffer, tally);
      if (cached_) held_[i] = socket;
      else ::close(socket);
    }
    return tally;
  }

  const std::vector<std::string> spaces_;
  const bool cached_;
  const std::vector<Request> requests_;
  std::vector<int> held_;
  std::atomic<std::size_t> next_{0};
  std::unique_ptr<unsigned char[]> buffer_;
};

class Blocking : public Crew {
 public:
  explicit Blocking(std::vector<std::string> spaces) : spaces_(std::move(spaces)), held_(spaces_.size(), -1) {
    start(static_cast<unsigned>(spaces_.size()));
  }

 private:
  Tally work(unsigned thread, unsigned char* buffer) override {
    Tally tally;
    int& socket = held_[thread];
    if (socket < 0) socket = openIn(spaces_[thread]);
    for (const auto& request : requests_) dump(socket, request, buffer, tally);
    return tally;
  }

  const std::vector<std::string> spaces_;
  const std::vector<Request> requests_ = requests(Families::together);
  std::vector<int> held_;
};

}  // namespace

std::unique_ptr<Reader> makePool(std::vector<std::string> spaces, unsigned workers, Sockets sockets, Families families) {
  return std::make_unique<Pool>(std::move(spaces), workers, sockets, families);
}

std::unique_ptr<Reader> makeBlocking(std::vector<std::string> spaces) { return std::make_unique<Blocking>(std::move(spaces)); }
