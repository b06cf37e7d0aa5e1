// The last words of every TCP socket of every namespace: one socket that listens to the kernel's destroy notifications of all namespaces that have
// a number (nsid) here, one thread. Connections that live shorter than a poll are seen by nothing else.
//
// Nothing is pinned: a namespace is entered for as long as it takes to ask for its cookie, a number keeps nothing alive, and no descriptor
// stays open. No row is ever filed under a namespace that it may not be of: see `whose`.
#pragma once
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "columns.h"
#include "decode.h"
#include "envelope.h"
#include "nsid.h"
#include "pool.h"
#include "reader.h"
#include "sample.h"

namespace netsoak {

struct DestroySettings {
  unsigned blocks;
  Format format;
  FlushLimits limits;
  /** An envelope is handed on when its first row is so old. */
  unsigned flush_milliseconds;
  /** Asked of SO_RCVBUFFORCE; the kernel grants the double, to pay for its own overhead. */
  int receive_buffer;
  Identity identity;
  /** Program of a filter that asks for nothing a closed socket does not tell; empty: all. */
  std::vector<uint8_t> filter;
  Sample sample;
};

/** Of the whole life of a listener. events = rows + filtered + sampled_out + unknown_namespace + undecoded + dropped + waiting. */
struct DestroyCounters {
  /** Notifications received. */
  std::atomic<uint64_t> events{0};
  /** Notifications that the kernel dropped because the buffer was full (SO_MEMINFO): nothing brings them back. */
  std::atomic<uint64_t> lost{0};
  std::atomic<uint64_t> rows{0};
  std::atomic<uint64_t> filtered{0};
  std::atomic<uint64_t> sampled_out{0};
  /** Of a namespace that was not announced in time, or whose number changed hands meanwhile. */
  std::atomic<uint64_t> unknown_namespace{0};
  std::atomic<uint64_t> undecoded{0};
  /** No block of the pool came back while closing. */
  std::atomic<uint64_t> dropped{0};
  /** Kept until their namespace is announced. */
  std::atomic<uint64_t> waiting{0};
  /** Namespaces listened to. */
  std::atomic<uint64_t> namespaces{0};
};

/** Where announcing a namespace failed. */
struct AnnounceFailure {
  uint32_t index;
  Step step;
  int error;
};

struct DestroyEvent {
  enum class Kind {
    kReady,
    kEnvelope,
    kAnnounced,
    /** A socket was closed in a namespace that nobody announced: look for new ones. */
    kUnknown,
    /** It ended by itself: step and errno. */
    kFailed,
    /** The thread has ended. */
    kClosed,
  };
  Kind kind;
  FinishedEnvelope envelope{};
  std::vector<AnnounceFailure> failures;
  Step step = Step::kNone;
  int error = 0;
};

class DestroyListener {
 public:
  /** @param wake is called from the thread when an event was posted; JS then takes all with take_events() */
  DestroyListener(DestroySettings settings, std::function<void()> wake);
  ~DestroyListener();
  DestroyListener(const DestroyListener&) = delete;

  Pool& pool() { return pool_; }
  const DestroyCounters& counters() const { return counters_; }
  int granted_buffer() const { return granted_; }
  /** The namespaces that there are. Those not known yet are listened to from now on; those left out are forgotten when they die. */
  void announce(NamespaceListPointer list);
  std::deque<DestroyEvent> take_events();
  /** Hands on what is there and ends the thread; posts kClosed. */
  void close();
  /** Ends the thread at once and waits for it: the environment is going away. */
  void abort();
  void join();

 private:
  struct Known {
    NamespacePointer task;
    NamespaceColumns columns;
    int nsid;
  };
  using KnownPointer = std::shared_ptr<const Known>;
  struct Waiting {
    int nsid;
    int64_t timestamp;
    uint64_t deadline;
    std::vector<uint8_t> payload;
  };
  struct Batch;
  struct BatchDeleter {
    void operator()(Batch* batch) const;
  };
  enum class Whose { kKnown, kNobody, kAmbiguous };

  /** Batches read before other work gets its turn. */
  static constexpr unsigned kBatches = 64;

  void run();
  int open(Step& step);
  void serve();
  void finish();
  int wait_milliseconds(uint64_t now) const;

  void drain(unsigned batches);
  void event(const msghdr& head, const uint8_t* bytes, size_t length, int64_t timestamp);
  Whose whose(int nsid, KnownPointer& known) const;
  void add(const KnownPointer& known, const Row& row, int64_t timestamp);
  void keep_waiting(int nsid, const uint8_t* payload, size_t length, int64_t timestamp);
  std::vector<Waiting> take_waiting(int nsid);
  void lose_waiting(size_t count);
  void count_lost();

  void follow_changes();
  void died(int nsid);
  void look_again();
  void take_announcements();
  void announced(const NamespaceList& tasks);
  AnnounceFailure learn(const NamespacePointer& task);
  void know(const NamespacePointer& task, uint64_t cookie, int nsid);
  void fail(Step step, int error);
  void post(DestroyEvent event);

  const DestroySettings settings_;
  const std::function<void()> wake_;
  Pool pool_;
  DestroyCounters counters_;
  std::atomic<int> granted_{0};

  // The thread's own.
  Fd socket_, epoll_;
  std::unique_ptr<Batch, BatchDeleter> batch_;
  NsidChannel nsids_;
  std::unique_ptr<Home> home_;
  Columns columns_;
  Decoder decoder_;
  std::unique_ptr<EnvelopeWriter> writer_;
  uint64_t first_row_at_ = 0;
  uint32_t seen_drops_ = 0;
  KnownPointer current_;
  int64_t current_timestamp_ = 0;
  /** By device and inode. */
  std::map<std::pair<uint64_t, uint64_t>, KnownPointer> known_;
  std::unordered_map<int, KnownPointer> by_nsid_;
  KnownPointer own_;
  /** Numbers whose holder died, until every notification sent before its death has been read. */
  std::unordered_map<int, KnownPointer> dying_;
  /** Numbers that changed hands meanwhile: their notifications may be of either holder. */
  std::unordered_set<int> ambiguous_;
  bool all_ambiguous_ = false;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  std::unordered_set<int> asked_for_;
  /** To be looked at again: their number died, or notifications of numbers were lost. */
  NamespaceList doubtful_;

  bool failed_ = false;

  // Shared.
  std::mutex mutex_;
  Fd doorbell_;
  std::deque<NamespaceListPointer> announcements_;
  bool closing_ = false;
  std::atomic<bool> aborted_{false};
  std::mutex events_mutex_;
  std::deque<DestroyEvent> events_;
  std::thread thread_;
};

}  // namespace netsoak
