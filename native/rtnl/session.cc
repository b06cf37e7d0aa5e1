#include "session.h"

#include <utility>

namespace netsoak::rtnl {

Session::Session(Place place, std::function<void(std::unique_ptr<Job>)> done)
    : place_(std::move(place)), done_(std::move(done)), thread_([this] { run(); }) {}

Session::~Session() { stop(); }

void Session::submit(std::unique_ptr<Job> job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job->dropped = true;
  done_(std::move(job));
}

void Session::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Session::run() {
  Home home;
  Channel channel;
  while (true) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      job->dropped = stopping_;
    }
    if (!job->dropped) {
      switch (job->kind) {
        case Job::Kind::open:
          job->opened = channel.open(home, place_);
          job->cookie = channel.cookie();
          break;
        case Job::Kind::dump:
          job->dump = channel.dump(job->request, job->unknown);
          break;
        case Job::Kind::transact:
          job->answers = channel.transact(job->request);
          break;
        case Job::Kind::begin_look:
          channel.known().begin(job->tags);
          break;
        case Job::Kind::learn:
          channel.known().learn(job->indexes, job->tags);
          break;
        case Job::Kind::lost:
          job->tags = channel.known().lost();
          break;
      }
    }
    done_(std::move(job));
  }
}

}  // namespace netsoak::rtnl
