// A namespace's reader and writer: one thread, one queue, both sockets. What is asked is done in the order of asking.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "channel.h"

namespace netsoak::rtnl {

/** A question to the thread, and later its answer. */
struct Job {
  enum class Kind { open, dump, transact, begin_look, learn, lost } kind = Kind::dump;
  std::vector<uint8_t> request;
  /** dump: only what is not known. */
  bool unknown = false;
  /** begin_look, learn and (as the answer) lost. */
  std::vector<double> tags;
  /** learn */
  std::vector<uint32_t> indexes;
  Opened opened;
  uint64_t cookie = 0;
  Dump dump;
  std::vector<Answer> answers;
  /** The session was closed before the job's turn: nothing was sent. */
  bool dropped = false;
  virtual ~Job() = default;
};

class Session {
 public:
  /** @param done called on the session's thread, once for each job, in the order of submission */
  Session(Place place, std::function<void(std::unique_ptr<Job>)> done);
  ~Session();
  void submit(std::unique_ptr<Job> job);
  /** Finishes the job under way, drops the others (through `done`), ends the thread and closes the sockets. Blocks for that long. */
  void stop();

 private:
  void run();

  const Place place_;
  const std::function<void(std::unique_ptr<Job>)> done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace netsoak::rtnl
