// The worker threads: they take the namespaces of a poll from a queue, one at a time each, and post what they finish as events. Their
// number never depends on the number of namespaces.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "envelope.h"
#include "pool.h"
#include "reader.h"

namespace netsoak {

struct ReaderSettings {
  unsigned workers;
  unsigned blocks;
  Format format;
  FlushLimits limits;
  Query query;
  Identity identity;
  Sample sample;
  /** Take the checksum of each envelope; only where has_fast_crc32(). */
  bool checksums;
};

/** One poll: its list, the results as they come, and the sums. */
struct Poll {
  uint64_t id = 0;
  uint64_t started_monotonic = 0;
  NamespaceListPointer tasks;
  std::vector<NamespaceResult> results;
  std::atomic<size_t> next{0};
  std::atomic<unsigned> working{0};
  std::mutex mutex;
  Counts unknown;
  Counts faults;
  uint64_t duplicates = 0;
  uint64_t sampled_out = 0;
  uint64_t skipped_empty = 0;
  std::atomic<uint64_t> envelopes{0};
  double duration_seconds = 0;
};

/** What workers tell the JS thread, in the order it happened. */
struct Event {
  enum class Kind {
    kEnvelope,
    kPollDone,
    /** A worker ended because it could not return to its own namespace: replace it. */
    kWorkerLost,
    /** The last worker has ended. */
    kClosed,
  };
  Kind kind;
  FinishedEnvelope envelope{};
  std::shared_ptr<Poll> poll;
  unsigned worker = 0;
  /** CRC-32 of the envelope, where checksums are asked for. */
  uint32_t checksum = 0;
};

class Workers {
 public:
  /** @param wake is called from any worker when an event was posted; JS then takes all with take_events(). */
  Workers(ReaderSettings settings, std::function<void()> wake);
  ~Workers();
  Workers(const Workers&) = delete;

  Pool& pool() { return pool_; }
  void poll(NamespaceListPointer tasks);
  std::deque<Event> take_events();
  /** JS thread, for Event::kWorkerLost: this thread never leaves its namespace, so one started from it is at home. */
  void replace(unsigned worker);
  /** Lets the poll under way end, then the threads; posts kClosed. */
  void close();
  /** Ends the poll under way as soon as possible and waits for the threads: the environment is going away. */
  void abort();
  /** Waits for threads that have ended or are ending. */
  void join();

 private:
  void run(unsigned worker, std::shared_ptr<Poll> poll);
  uint32_t checksum_of(const FinishedEnvelope& envelope);
  /** False when the thread lost its way home and must end. */
  bool work(Poll& poll, NamespaceReader& reader);
  void finish(const std::shared_ptr<Poll>& poll);
  void post(Event event);
  bool must_wake(const Event& event);
  void start(unsigned worker, std::shared_ptr<Poll> poll);

  const ReaderSettings settings_;
  const std::function<void()> wake_;
  Pool pool_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::shared_ptr<Poll> poll_;
  uint64_t polls_ = 0;
  uint64_t last_id_ = 0;
  bool closing_ = false;
  std::atomic<bool> aborted_{false};
  unsigned alive_ = 0;

  /** So many envelopes may wait for others before JS is woken: with half of the pool the workers go on while it wakes up. */
  const size_t most_waiting_;

  std::mutex events_mutex_;
  std::deque<Event> events_;
  uint64_t last_wake_ = 0;
};

}  // namespace netsoak
