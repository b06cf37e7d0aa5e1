#include "monitor.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace netsoak::rtnl {
namespace {
constexpr size_t kReceive = 64 << 10;
/** Events kept for a consumer that does not take them. Beyond it they are dropped and the loss is reported: memory stays bounded. */
constexpr size_t kBacklogBytes = 4 << 20;
/** A thread that is told to end does so within microseconds of processor time. */
constexpr std::chrono::seconds kPatience{1};
}  // namespace

Monitor::Monitor(MonitorOptions options, std::function<void()> notify)
    : options_(std::move(options)), notify_(std::move(notify)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), buffer_(kReceive) {}

void Monitor::start() {
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
}

Opened Monitor::open() {
  if (!wake_.open()) return {"eventfd", EMFILE};
  Home home;
  const Opened opened = open_in_namespace(home, options_.place, SOCK_RAW | SOCK_NONBLOCK, socket_);
  if (opened.error != 0) return opened;
  if (options_.silent_overflow) {
    const int on = 1;
    if (setsockopt(socket_.get(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on) != 0) return {"setsockopt", errno};
  }
  const int granted = grow_receive_buffer(socket_.get(), options_.receive_buffer);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return {"bind", errno};
  for (const uint32_t group : options_.groups) {
    const int number = static_cast<int>(group);
    if (setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof number) != 0) return {"join", errno};
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  report_.granted = granted;
  report_.cookie = namespace_cookie(socket_.get());
  return {};
}

void Monitor::poke() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    poked_ = true;
  }
  eventfd_write(wake_.get(), 1);
}

Report Monitor::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  told_ = false;
  Report taken = std::move(report_);
  // What is a state rather than news stays. (Plain members of a moved-from struct keep their values; the vectors are emptied.)
  report_.events = Messages{};
  report_.lost = 0;
  return taken;
}

void Monitor::stop() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  eventfd_write(wake_.get(), 1);
  const bool ended = ends_.wait_for(lock, kPatience, [this] { return ended_; });
  lock.unlock();
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Monitor::run() {
  const Opened opened = open();
  if (opened.error != 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    report_.fatal = opened.error;
    report_.step = opened.step;
  }
  tell();
  if (opened.error == 0) listen();
  // Before the thread ends: a socket keeps its namespace alive.
  socket_ = Fd();
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  ends_.notify_one();
}

void Monitor::listen() {
  while (true) {
    pollfd fds[2] = {{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    eventfd_t ignored;
    eventfd_read(wake_.get(), &ignored);
    bool asked;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return;
      asked = std::exchange(poked_, false);
      if ((fds[0].revents & POLLERR) != 0) report_.lost |= kPollError;
    }
    const bool alive = drain();
    look_at_memory();
    bool news;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      report_.drains++;
      news = asked || !alive || report_.lost != 0 || !report_.events.offsets.empty();
    }
    if (news) tell();
    if (!alive) return;
  }
}

bool Monitor::drain() {
  while (true) {
    sockaddr_nl from{};
    iovec vector{buffer_.data(), buffer_.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(socket_.get(), &header, MSG_DONTWAIT);
    const int error = length < 0 ? errno : 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return true;
    if (error == EAGAIN) return true;
    if (error == EINTR) continue;
    if (error == ENOBUFS) {
      report_.lost |= kEnobufs;
      continue;
    }
    if (error != 0) {
      report_.fatal = error;
      report_.step = "recv";
      return false;
    }
    if (from.nl_pid != 0) continue;
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      report_.lost |= kMangled;
      continue;
    }
    if (report_.events.bytes.size() + static_cast<size_t>(length) > kBacklogBytes) {
      report_.lost |= kBacklog;
      continue;
    }
    size_t left = static_cast<size_t>(length);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      report_.events.add(*message);
    }
  }
}

void Monitor::look_at_memory() {
  uint32_t memory[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof memory;
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (memory[SK_MEMINFO_DROPS] != report_.drops) report_.lost |= kMeminfo;
  report_.drops = memory[SK_MEMINFO_DROPS];
}

void Monitor::tell() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (told_ || stopping_) return;
    told_ = true;
  }
  notify_();
}

}  // namespace netsoak::rtnl
