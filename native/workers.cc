#include "workers.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <utility>

#include "checksum.h"
#include "mutants.h"

namespace netsoak {
namespace {

constexpr uint64_t kSetBack = 1'000'000'000;
/** JS is woken for envelopes so often at most, unless many wait: else 20 times in a poll of 40,000 sockets, 3 ms apart. */
constexpr uint64_t kWakeNanoseconds = 50'000'000;

uint64_t clock_nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

Workers::Workers(ReaderSettings settings, std::function<void()> wake)
    : settings_(std::move(settings)),
      wake_(std::move(wake)),
      pool_(settings_.blocks, wake_),
      threads_(settings_.workers),
      alive_(settings_.workers),
      most_waiting_(settings_.blocks / 2) {
  for (unsigned worker = 0; worker < settings_.workers; worker++) start(worker, nullptr);
}

Workers::~Workers() { abort(); }

/** Signals are for the main thread: a worker would only be interrupted in its system calls. Its own faults stay its own. */
void Workers::start(unsigned worker, std::shared_ptr<Poll> poll) {
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_[worker] = std::thread([this, worker, poll = std::move(poll)]() mutable { run(worker, std::move(poll)); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const std::string name = "ns-reader-" + std::to_string(worker);
  pthread_setname_np(threads_[worker].native_handle(), name.c_str());
}

void Workers::poll(NamespaceListPointer tasks) {
  auto poll = std::make_shared<Poll>();
  poll->results.resize(tasks->size());
  poll->tasks = std::move(tasks);
  poll->working = settings_.workers;
  poll->started_monotonic = clock_nanoseconds(CLOCK_MONOTONIC);
  mutants::poll_started();
  std::lock_guard lock(mutex_);
  const uint64_t now = mutants::poll_began(clock_nanoseconds(CLOCK_REALTIME));
  // A clock that trembles must not give one id twice. One that was set back is believed: ids that stay ahead of it would say for as long as the
  // step that rows were read before their poll began.
  poll->id = last_id_ = now > last_id_ || last_id_ - now > kSetBack ? now : last_id_ + 1;
  poll_ = std::move(poll);
  polls_++;
  work_.notify_all();
}

/** Here its bytes are in this core's caches. JS would have to fetch them, which takes three times as long, and the worker to fetch them back. */
uint32_t Workers::checksum_of(const FinishedEnvelope& envelope) {
  return settings_.checksums ? crc32(0, pool_.bytes(envelope.block) + envelope.start, envelope.end - envelope.start) : 0;
}

/** Body of a thread. `poll` is set when it takes the place of a thread that was lost in the middle of one. */
void Workers::run(unsigned worker, std::shared_ptr<Poll> poll) {
  EnvelopeWriter writer(pool_, settings_.format, settings_.limits, [&](const FinishedEnvelope& envelope) {
    poll->envelopes++;
    mutants::envelope_handed_on();
    post({Event::Kind::kEnvelope, envelope, poll, worker, checksum_of(envelope)});
  });
  NamespaceReader reader(writer, settings_.format, settings_.identity, settings_.query, settings_.sample);
  uint64_t served;
  {
    std::lock_guard lock(mutex_);
    // A thread that starts late must still serve a poll asked for before.
    served = poll ? polls_ : 0;
  }
  for (;;) {
    if (!poll) {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return closing_ || polls_ != served; });
      if (polls_ == served) break;
      served = polls_;
      poll = poll_;
    }
    const bool at_home = work(*poll, reader);
    writer.flush();
    if (!at_home) {
      // The next thread goes on with this one's part of the poll, so the poll's count of working threads stays.
      post({Event::Kind::kWorkerLost, {}, poll, worker});
      return;
    }
    finish(poll);
    poll = nullptr;
  }
  std::unique_lock lock(mutex_);
  if (--alive_ == 0) {
    lock.unlock();
    post({Event::Kind::kClosed, {}, nullptr, worker});
  }
}

bool Workers::work(Poll& poll, NamespaceReader& reader) {
  const NamespaceList& tasks = *poll.tasks;
  for (size_t index; !aborted_ && (index = poll.next++) < tasks.size();) poll.results[index] = reader.read(*tasks[index], poll.id);
  const bool at_home = reader.go_home();
  std::lock_guard lock(poll.mutex);
  poll.unknown.merge(reader.unknown);
  poll.faults.merge(reader.faults);
  poll.skipped_empty += reader.skipped_empty;
  poll.duplicates += reader.duplicates;
  poll.sampled_out += reader.sampled_out;
  reader.unknown.clear();
  reader.faults.clear();
  reader.skipped_empty = 0;
  reader.duplicates = 0;
  reader.sampled_out = 0;
  return at_home;
}

void Workers::finish(const std::shared_ptr<Poll>& poll) {
  if (--poll->working > 0) return;
  poll->duration_seconds = static_cast<double>(clock_nanoseconds(CLOCK_MONOTONIC) - poll->started_monotonic) / 1e9;
  post({Event::Kind::kPollDone, {}, poll, 0});
}

void Workers::replace(unsigned worker) {
  threads_[worker].join();
  std::shared_ptr<Poll> poll;
  {
    std::lock_guard lock(mutex_);
    poll = poll_;
  }
  start(worker, std::move(poll));
}

void Workers::close() {
  pool_.close();
  std::lock_guard lock(mutex_);
  closing_ = true;
  work_.notify_all();
}

void Workers::abort() {
  aborted_ = true;
  pool_.abort();
  close();
  join();
}

void Workers::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::post(Event event) {
  {
    std::lock_guard lock(events_mutex_);
    const bool wake = must_wake(event);
    events_.push_back(std::move(event));
    if (!wake) return;
  }
  wake_();
}

/** An envelope may wait for the next one, the end of the poll, or a worker that finds no block: whatever is told later, it is told first. */
bool Workers::must_wake(const Event& event) {
  if (event.kind != Event::Kind::kEnvelope) return true;
  const uint64_t now = clock_nanoseconds(CLOCK_MONOTONIC);
  if (now - last_wake_ < kWakeNanoseconds && events_.size() + 1 < most_waiting_) return false;
  last_wake_ = now;
  return true;
}

std::deque<Event> Workers::take_events() {
  std::lock_guard lock(events_mutex_);
  return std::exchange(events_, {});
}

}  // namespace netsoak
