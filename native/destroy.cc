#include "destroy.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bytecode.h"

namespace netsoak {
namespace {

/** How long the last words of an unknown namespace's sockets are kept, and how much of them. */
constexpr uint64_t kPatienceMilliseconds = 2'000;
constexpr size_t kPatienceBytes = 4 << 20;
/** Batches read at most when closing, under a load that never stops. */
constexpr unsigned kLastBatches = 1024;

uint64_t monotonic_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000 + static_cast<uint64_t>(time.tv_nsec) / 1'000'000;
}

int64_t realtime_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/** The namespace a notification came from; kNone: this thread's own. */
int nsid_of(const msghdr& head) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&head); item != nullptr; item = CMSG_NXTHDR(const_cast<msghdr*>(&head), item)) {
    if (item->cmsg_level == SOL_NETLINK && item->cmsg_type == NETLINK_LISTEN_ALL_NSID && item->cmsg_len >= CMSG_LEN(sizeof(int))) {
      return load<int>(CMSG_DATA(item));
    }
  }
  return NsidChannel::kNone;
}

}  // namespace

/** Room for one recvmmsg. A notification has about 400 bytes; the kernel makes none of more than a page. */
struct DestroyListener::Batch {
  static constexpr unsigned kMessages = 64;
  static constexpr size_t kBytes = 4096;
  mmsghdr heads[kMessages];
  iovec parts[kMessages];
  sockaddr_nl from[kMessages];
  alignas(cmsghdr) uint8_t control[kMessages][CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)];
  uint8_t bytes[kMessages][kBytes];

  /** recvmmsg writes what it found over what it was given. */
  void prepare() {
    for (unsigned i = 0; i < kMessages; i++) {
      parts[i] = {bytes[i], kBytes};
      heads[i].msg_hdr = {&from[i], sizeof from[i], &parts[i], 1, control[i], sizeof control[i], 0};
    }
  }
};
void DestroyListener::BatchDeleter::operator()(Batch* batch) const { delete batch; }

DestroyListener::DestroyListener(DestroySettings settings, std::function<void()> wake)
    : settings_(std::move(settings)),
      wake_(std::move(wake)),
      pool_(settings_.blocks),
      columns_(settings_.format),
      doorbell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Signals are for the main thread; the thread's own faults stay its own.
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "ns-closed");
}

DestroyListener::~DestroyListener() { abort(); }

void DestroyListener::announce(NamespaceListPointer list) {
  std::lock_guard lock(mutex_);
  announcements_.push_back(std::move(list));
  eventfd_write(doorbell_.get(), 1);
}

void DestroyListener::close() {
  pool_.close();
  std::lock_guard lock(mutex_);
  closing_ = true;
  eventfd_write(doorbell_.get(), 1);
}

void DestroyListener::abort() {
  aborted_ = true;
  pool_.abort();
  close();
  join();
}

void DestroyListener::join() {
  if (thread_.joinable()) thread_.join();
}

void DestroyListener::post(DestroyEvent event) {
  {
    std::lock_guard lock(events_mutex_);
    events_.push_back(std::move(event));
  }
  wake_();
}

std::deque<DestroyEvent> DestroyListener::take_events() {
  std::lock_guard lock(events_mutex_);
  return std::exchange(events_, {});
}

void DestroyListener::fail(Step step, int error) {
  failed_ = true;
  post({DestroyEvent::Kind::kFailed, {}, {}, step, error});
}

// ---- the thread

void DestroyListener::run() {
  Step step = Step::kNone;
  const int error = open(step);
  if (error != 0) {
    fail(step, error);
  } else {
    post({DestroyEvent::Kind::kReady, {}, {}, Step::kNone, 0});
    serve();
  }
  // Now, and not when JS collects what is left of the listener.
  socket_ = Fd();
  epoll_ = Fd();
  nsids_ = NsidChannel();
  home_.reset();
  writer_.reset();
  batch_.reset();
  known_.clear();
  by_nsid_.clear();
  {
    std::lock_guard lock(mutex_);
    doorbell_ = Fd();
  }
  post({DestroyEvent::Kind::kClosed, {}, {}, Step::kNone, 0});
}

int DestroyListener::open(Step& step) {
  const auto stop = [&](Step at) {
    step = at;
    return errno;
  };
  home_ = std::make_unique<Home>();
  if (!home_->known()) {
    step = Step::kOpen;
    return home_->error();
  }
  socket_ = Fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!socket_.open() || !epoll_.open() || !doorbell_.open()) return stop(Step::kSocket);
  const int fd = socket_.get();
  const int size = settings_.receive_buffer;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length);
  granted_ = granted;
  // A socket without a port of its own is taken for the sender, the kernel, and hears nothing.
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) return stop(Step::kSocket);
  // Needs CAP_NET_BROADCAST.
  const int on = 1;
  if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on) != 0) return stop(Step::kListen);
  for (const int group : {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY}) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) return stop(Step::kListen);
  }
  if (const int error = nsids_.open()) {
    step = Step::kNsid;
    return error;
  }
  for (const int each : {fd, nsids_.fd(), doorbell_.get()}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, each, &interest) != 0) return stop(Step::kSocket);
  }
  batch_.reset(new Batch());
  columns_.set_identity(settings_.identity);
  writer_ = std::make_unique<EnvelopeWriter>(pool_, settings_.format, settings_.limits, [this](const FinishedEnvelope& envelope) {
    first_row_at_ = 0;
    post({DestroyEvent::Kind::kEnvelope, envelope, {}, Step::kNone, 0});
  });
  return 0;
}

void DestroyListener::serve() {
  bool closing = false;
  while (!closing && !aborted_ && !failed_) {
    epoll_event events[3];
    if (epoll_wait(epoll_.get(), events, 3, wait_milliseconds(monotonic_milliseconds())) < 0 && errno != EINTR) fail(Step::kRecv, errno);
    eventfd_t rung;
    eventfd_read(doorbell_.get(), &rung);
    {
      std::lock_guard lock(mutex_);
      closing = closing_;
    }
    drain(kBatches);
    follow_changes();
    look_again();
    take_announcements();

    const uint64_t now = monotonic_milliseconds();
    const auto patient = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.deadline > now; });
    lose_waiting(static_cast<size_t>(patient - waiting_.begin()));
    if (first_row_at_ != 0 && now >= first_row_at_ + settings_.flush_milliseconds) writer_->flush();
    count_lost();
  }
  if (!aborted_) finish();
}

void DestroyListener::finish() {
  drain(kLastBatches);
  lose_waiting(waiting_.size());
  writer_->flush();
  count_lost();
}

int DestroyListener::wait_milliseconds(uint64_t now) const {
  uint64_t until = UINT64_MAX;
  if (first_row_at_ != 0) until = first_row_at_ + settings_.flush_milliseconds;
  if (!waiting_.empty()) until = std::min(until, waiting_.front().deadline);
  if (!doubtful_.empty()) until = now;
  if (until == UINT64_MAX) return -1;
  return until <= now ? 0 : static_cast<int>(std::min<uint64_t>(until - now, 60'000));
}

// ---- notifications of sockets; what is known of namespaces is in destroy_namespaces.cc

void DestroyListener::drain(unsigned batches) {
  while (batches-- > 0 && !aborted_) {
    batch_->prepare();
    const int got = recvmmsg(socket_.get(), batch_->heads, Batch::kMessages, MSG_DONTWAIT, nullptr);
    if (got < 0) {
      // ENOBUFS stands before the data that is still queued. How much was lost, count_lost says.
      if (errno == EINTR || errno == ENOBUFS) continue;
      if (errno != EAGAIN) return fail(Step::kRecv, errno);
      // All that was sent before the deaths read so far has been read by now.
      dying_.clear();
      ambiguous_.clear();
      all_ambiguous_ = false;
      return;
    }
    // A number given before one of these was sent has its own notification in the channel by now: read it first.
    follow_changes();
    const int64_t timestamp = realtime_nanoseconds();
    for (int i = 0; i < got; i++) {
      if (batch_->from[i].nl_pid == 0) event(batch_->heads[i].msg_hdr, batch_->bytes[i], batch_->heads[i].msg_len, timestamp);
    }
  }
}

void DestroyListener::event(const msghdr& head, const uint8_t* bytes, size_t length, int64_t timestamp) {
  counters_.events++;
  MessageWalk walk(bytes, std::min(length, Batch::kBytes));
  Row row;
  if ((head.msg_flags & MSG_TRUNC) || walk.next() != Next::kMessage || walk.header.type != SOCK_DIAG_BY_FAMILY ||
      !decoder_.decode(walk.payload, walk.payload_length, row)) {
    counters_.undecoded++;
  } else if (!settings_.sample.keeps(row_cookie(row))) {
    counters_.sampled_out++;
  } else if (!settings_.filter.empty() && !filter_selects(settings_.filter.data(), settings_.filter.size(), subject_of(row))) {
    counters_.filtered++;
  } else {
    const int nsid = nsid_of(head);
    KnownPointer known;
    switch (whose(nsid, known)) {
      case Whose::kKnown:
        return add(known, row, timestamp);
      case Whose::kNobody:
        return keep_waiting(nsid, walk.payload, walk.payload_length, timestamp);
      case Whose::kAmbiguous:
        counters_.unknown_namespace++;
    }
  }
}

/**
 * The kernel gives the number of a dead namespace to the next one at once. A notification with that number is of the old holder if the death was
 * read and no new holder; of the new one if everything sent before the death was read already; else nobody can tell, and it is not guessed.
 */
DestroyListener::Whose DestroyListener::whose(int nsid, KnownPointer& known) const {
  if (nsid == NsidChannel::kNone) {
    known = own_;
    return own_ ? Whose::kKnown : Whose::kNobody;
  }
  if (all_ambiguous_ || ambiguous_.count(nsid) != 0) return Whose::kAmbiguous;
  auto found = dying_.find(nsid);
  if (found == dying_.end()) {
    found = by_nsid_.find(nsid);
    if (found == by_nsid_.end()) return Whose::kNobody;
  }
  known = found->second;
  return Whose::kKnown;
}

void DestroyListener::add(const KnownPointer& known, const Row& row, int64_t timestamp) {
  if (known != current_ || timestamp != current_timestamp_) {
    if (known != current_) columns_.set_namespace(known->columns, 0, Kind::kClosed);
    columns_.set_timestamp(timestamp);
    current_ = known;
    current_timestamp_ = timestamp;
  }
  if (writer_->add(row, columns_, counters_.rows + 1, false) == 0) {
    counters_.dropped++;
    return;
  }
  counters_.rows++;
  if (first_row_at_ == 0 && writer_->mark().rows > 0) first_row_at_ = monotonic_milliseconds();
}

void DestroyListener::keep_waiting(int nsid, const uint8_t* payload, size_t length, int64_t timestamp) {
  waiting_.push_back({nsid, timestamp, monotonic_milliseconds() + kPatienceMilliseconds, {payload, payload + length}});
  waiting_bytes_ += length;
  counters_.waiting++;
  while (waiting_bytes_ > kPatienceBytes) lose_waiting(1);
  if (asked_for_.insert(nsid).second) post({DestroyEvent::Kind::kUnknown, {}, {}, Step::kNone, 0});
}

void DestroyListener::lose_waiting(size_t count) {
  for (; count > 0; count--) {
    waiting_bytes_ -= waiting_.front().payload.size();
    waiting_.pop_front();
    counters_.waiting--;
    counters_.unknown_namespace++;
  }
}

std::vector<DestroyListener::Waiting> DestroyListener::take_waiting(int nsid) {
  std::vector<Waiting> taken;
  std::deque<Waiting> rest;
  for (Waiting& one : waiting_) {
    if (one.nsid == nsid) {
      waiting_bytes_ -= one.payload.size();
      taken.push_back(std::move(one));
    } else {
      rest.push_back(std::move(one));
    }
  }
  waiting_ = std::move(rest);
  counters_.waiting -= taken.size();
  asked_for_.erase(nsid);
  return taken;
}

void DestroyListener::count_lost() {
  // linux/sock_diag.h: SK_MEMINFO_DROPS is the ninth value.
  uint32_t values[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof values;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, values, &size) != 0) return;
  // The kernel counts in 32 bits and wraps.
  counters_.lost += values[SK_MEMINFO_DROPS] - seen_drops_;
  seen_drops_ = values[SK_MEMINFO_DROPS];
}

}  // namespace netsoak
