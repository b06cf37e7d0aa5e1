// The planted faults of the mutant build, one alive at a time by NETSOAK_MUTANT. Each is the smallest change that a real bug of
// this kind would be; a soak that does not turn red on it judges nothing. NETSOAK_MUTANT_RATE is the one setting (memory-leak: KiB a poll;
// slow-polls: milliseconds a poll).
#include "mutants.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "columns.h"
#include "netlink.h"
#include "netns.h"
#include "row.h"

namespace netsoak::mutants {
namespace {

enum Mutant {
  kNone,
  kThreadLeak,
  kBlockingReaders,
  kFdLeak,
  kMemoryLeak,
  kCrash,
  kCrashCleanExit,
  kFrozenReader,
  kDropAfterFlush,
  kAliasedAddresses,
  kIpv4Only,
  kWrongNamespace,
  kDuplicateRows,
  kFrozenTimestamps,
  kStaleRows,
  kPinnedNamespaces,
  kDropOneIn10000,
  kSwappedAddresses,
  kSlowPolls,
  kLateStamps,
  kWrongMetricsColumns,
  kNoBytesSent,
};
constexpr const char* kNames[] = {
    "",          "thread-leak",       "blocking-readers", "fd-leak",         "memory-leak",    "crash",
    "crash-clean-exit", "frozen-reader", "drop-after-flush", "aliased-addresses", "ipv4-only", "wrong-namespace",
    "duplicate-rows",   "frozen-timestamps", "stale-rows", "pinned-namespaces", "drop-one-in-10000",
    "swapped-addresses", "slow-polls", "late-stamps", "wrong-metrics-columns",
    "no-bytes-sent",
};

/** Faults that come in mid-run wait for that many polls: a check that only looks at the start misses them. */
constexpr unsigned kPollsBefore = 5;

Mutant mutant = kNone;
size_t rate = 0;
std::atomic<unsigned> polls{0};
std::mutex mutex;

/** Namespaces by device and inode. */
using Key = std::pair<uint64_t, uint64_t>;
Key key_of(const NamespaceId& id) { return {id.device, id.inode}; }

/** Messages of some namespaces as they were in the first polls, for stale-rows. */
constexpr size_t kRemembered = 20;
std::map<Key, std::vector<std::vector<uint8_t>>> remembered;

std::atomic<bool> slow_turn{false};

uint64_t own_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

/** Of a worker's own time, so that a busy machine makes it no longer than it is. */
void compute_for_long() {
  const uint64_t until = own_milliseconds() + (rate > 0 ? rate : 4000);
  while (own_milliseconds() < until) {
  }
}

void park() {
  std::thread([] {
    for (;;) pause();
  }).detach();
}

bool in_mid_run() { return polls > kPollsBefore; }

}  // namespace

void choose() {
  const char* const name = getenv("NETSOAK_MUTANT");
  if (name == nullptr || *name == '\0') return;
  for (size_t i = 1; i < sizeof kNames / sizeof *kNames; i++) {
    if (strcmp(kNames[i], name) == 0) mutant = static_cast<Mutant>(i);
  }
  if (mutant == kNone) {
    fprintf(stderr, "NETSOAK_MUTANT=%s: no such planted fault; mutants.cc lists them.\n", name);
    abort();
  }
  if (const char* const text = getenv("NETSOAK_MUTANT_RATE")) rate = strtoul(text, nullptr, 10);
}

void poll_started() {
  polls++;
  slow_turn = true;
  if (mutant == kMemoryLeak) {
    const size_t bytes = (rate > 0 ? rate : 1024) * 1024;
    auto* const leaked = static_cast<volatile char*>(malloc(bytes));
    for (size_t i = 0; leaked != nullptr && i < bytes; i += 4096) leaked[i] = 1;
  }
  if (mutant == kFdLeak) {
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return;
  }
}

void entering(int fd, const NamespaceId& id) {
  static std::set<Key> seen;
  static std::atomic<bool> frozen{false};
  bool first = false;
  if (mutant == kThreadLeak || mutant == kBlockingReaders || mutant == kPinnedNamespaces) {
    std::lock_guard lock(mutex);
    first = seen.insert(key_of(id)).second;
  }
  if (first && (mutant == kThreadLeak || mutant == kBlockingReaders)) park();
  if (first && mutant == kPinnedNamespaces && fcntl(fd, F_DUPFD_CLOEXEC, 0) < 0) return;
  if (!in_mid_run()) return;
  if (mutant == kCrash) raise(SIGSEGV);
  if (mutant == kCrashCleanExit) _exit(0);
  if (mutant == kSlowPolls && slow_turn.exchange(false)) compute_for_long();
  if (mutant == kFrozenReader && !frozen.exchange(true)) {
    for (;;) pause();
  }
}

/** As if a failed setns had not been noticed: every seventh namespace is filed under the one read before it. */
void naming(NamespaceColumns& columns) {
  if (mutant != kWrongNamespace) return;
  static std::atomic<unsigned> count{0};
  static NamespaceColumns previous;
  std::lock_guard lock(mutex);
  if (++count % 7 == 0 && previous.inode != 0) {
    columns = previous;
  } else {
    previous = columns;
  }
}

bool replay(const NamespaceId& id, DumpSink& sink) {
  if (mutant != kStaleRows || !in_mid_run()) return false;
  std::lock_guard lock(mutex);
  const auto found = remembered.find(key_of(id));
  if (found == remembered.end()) return false;
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  sink.received(int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
  for (const auto& message : found->second) sink.message(message.data(), message.size(), false);
  return true;
}

void dumped(const NamespaceId& id, const uint8_t* payload, uint32_t length) {
  // The third poll: namespaces are there by then, and replaying has not begun (its lock is held by then).
  if (mutant != kStaleRows || polls != 3) return;
  std::lock_guard lock(mutex);
  if (remembered.size() >= kRemembered && remembered.count(key_of(id)) == 0) return;
  remembered[key_of(id)].emplace_back(payload, payload + length);
}

/** As if what the turn before noted were put on this one's rows: a poll and its rows are stamped an interval of a second behind. */
constexpr int64_t kLateBy = 1'000'000'000;

uint64_t poll_began(uint64_t nanoseconds) { return mutant == kLateStamps ? nanoseconds - kLateBy : nanoseconds; }

int64_t timestamp(int64_t nanoseconds) {
  static std::atomic<int64_t> first{0};
  if (mutant == kLateStamps) return nanoseconds - kLateBy;
  if (mutant != kFrozenTimestamps) return nanoseconds;
  int64_t none = 0;
  first.compare_exchange_strong(none, nanoseconds);
  return first;
}

/** The poll in which this worker handed on an envelope last. */
static thread_local unsigned flushed_in = 0;

void envelope_handed_on() { flushed_in = polls; }

int copies(Row& row) {
  static std::atomic<uint64_t> count{0};
  switch (mutant) {
    case kDropAfterFlush:
      return flushed_in == polls ? 0 : 1;
    case kIpv4Only:
      return row_family(row) == AF_INET ? 1 : 0;
    case kDuplicateRows:
      return ++count % 200 == 0 ? 2 : 1;
    case kDropOneIn10000:
      return ++count % 10000 == 0 ? 0 : 1;
    case kAliasedAddresses: {
      // Addresses and ports still point at what the last socket left in a buffer that is used again.
      constexpr size_t kFrom = 4, kTo = 40;
      static thread_local uint8_t last[kTo - kFrom];
      static thread_local uint8_t message[kBlockSize[kMessage]];
      static thread_local bool filled = false;
      memcpy(message, row.data[kMessage], sizeof message);
      if (filled) memcpy(message + kFrom, last, sizeof last);
      memcpy(last, row.data[kMessage] + kFrom, sizeof last);
      filled = true;
      row.data[kMessage] = message;
      return 1;
    }
    case kSwappedAddresses: {
      // Of one row in a thousand source and destination are the wrong way round.
      if (++count % 1000 != 0) return 1;
      struct Part {
        size_t source, destination, size;
      };
      // Ports and addresses of inet_diag_sockid, linux/inet_diag.h.
      constexpr Part kParts[] = {{4, 6, 2}, {8, 24, 16}};
      static thread_local uint8_t message[kBlockSize[kMessage]];
      memcpy(message, row.data[kMessage], sizeof message);
      for (const auto& part : kParts) {
        memcpy(message + part.source, row.data[kMessage] + part.destination, part.size);
        memcpy(message + part.destination, row.data[kMessage] + part.source, part.size);
      }
      row.data[kMessage] = message;
      return 1;
    }
    case kWrongMetricsColumns: {
      // Two neighbours of struct tcp_info, linux/tcp.h, are taken for each other: tcpi_rtt and tcpi_snd_cwnd.
      constexpr size_t kRtt = 68, kSndCwnd = 80, kSize = 4;
      if (row.length[kInfo] < kSndCwnd + kSize) return 1;
      static thread_local uint8_t info[kBlockSize[kInfo]];
      memcpy(info, row.data[kInfo], row.length[kInfo]);
      memcpy(info + kRtt, row.data[kInfo] + kSndCwnd, kSize);
      memcpy(info + kSndCwnd, row.data[kInfo] + kRtt, kSize);
      row.data[kInfo] = info;
      return 1;
    }
    case kNoBytesSent: {
      // As if compiled against headers of an older kernel: struct tcp_info ends where tcpi_bytes_sent begins.
      constexpr uint16_t kBytesSent = 200;
      if (row.length[kInfo] < kBytesSent) return 1;
      // Padded with zeros.
      static thread_local uint8_t info[kBlockSize[kInfo]];
      memcpy(info, row.data[kInfo], kBytesSent);
      row.data[kInfo] = info;
      row.length[kInfo] = kBytesSent;
      return 1;
    }
    default:
      return 1;
  }
}

}  // namespace netsoak::mutants
