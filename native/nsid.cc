#include "nsid.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "decode.h"

namespace netsoak {
namespace {

/** A namespace that dies leaves one notification of 32 bytes, about 1 KB of buffer with its overhead. */
constexpr int kReceiveBuffer = 1 << 20;
constexpr int kSilenceMilliseconds = 1000;
constexpr size_t kAttributeHeader = 4;

/**
 * Numbers we give begin at random between 2^24 and 2^30 and count up. The kernel itself gives the lowest one that is free (to the far end of a
 * veth, for one), and so the number of a dead namespace to the next one at once; ours are nobody's before or after.
 */
constexpr int kFirst = 1 << 24;
constexpr int kSpread = (1 << 30) - kFirst;
constexpr int kTries = 64;

/** The value of an attribute of 4 bytes after struct rtgenmsg. */
bool attribute(const uint8_t* bytes, size_t length, uint16_t wanted, int& value) {
  size_t at = NLMSG_ALIGN(sizeof(rtgenmsg));
  while (at + kAttributeHeader <= length) {
    const size_t size = load<uint16_t>(bytes + at);
    if (size < kAttributeHeader || size > length - at) return false;
    if ((load<uint16_t>(bytes + at + 2) & NLA_TYPE_MASK) == wanted && size >= kAttributeHeader + sizeof(int)) {
      value = load<int>(bytes + at + kAttributeHeader);
      return true;
    }
    at += NLA_ALIGN(size);
  }
  return false;
}

}  // namespace

int NsidChannel::open() {
  socket_ = Fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket_.open()) return errno;
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0) {
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  }
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  const int group = RTNLGRP_NSID;
  socklen_t size = sizeof own;
  if (bind(fd(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 || getsockname(fd(), reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return errno;
  }
  port_ = own.nl_pid;
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<uint32_t>(getpid());
  next_ = kFirst + static_cast<int>(random % kSpread);
  return 0;
}

void NsidChannel::drain() {
  while (receive(false)) {
  }
}

std::vector<NsidChannel::Change> NsidChannel::take_changes() { return std::exchange(changes_, {}); }
bool NsidChannel::take_lost() { return std::exchange(lost_, false); }

int NsidChannel::number(int fd, int& nsid) {
  for (int attempt = 0; attempt < kTries; attempt++) {
    int error = get(fd, nsid);
    if (error != 0 || nsid != kNone) return error;
    error = assign(fd, next_);
    next_ = next_ == INT32_MAX ? kFirst : next_ + 1;
    // EEXIST (ENOSPC before Linux 4.20): the number is taken, or someone else gave it one meanwhile. Look again.
    if (error != 0 && error != EEXIST && error != ENOSPC) return error;
  }
  return EEXIST;
}

int NsidChannel::get(int fd, int& nsid) { return request(RTM_GETNSID, NLM_F_REQUEST, fd, kNone, nsid); }

int NsidChannel::assign(int fd, int nsid) {
  int ignored;
  return request(RTM_NEWNSID, NLM_F_REQUEST | NLM_F_ACK, fd, nsid, ignored);
}

int NsidChannel::request(uint16_t type, uint16_t flags, int fd, int nsid, int& answer) {
  struct {
    nlmsghdr header;
    rtgenmsg family;
    uint8_t pad[3];
    nlattr fd_head;
    int fd;
    nlattr nsid_head;
    int nsid;
  } message{};
  static_assert(sizeof message == NLMSG_HDRLEN + 4 + 2 * (kAttributeHeader + sizeof(int)));
  message.header = {sizeof message, type, flags, ++sequence_, 0};
  message.fd_head = {kAttributeHeader + sizeof(int), NETNSA_FD};
  message.fd = fd;
  message.nsid_head = {kAttributeHeader + sizeof(int), NETNSA_NSID};
  message.nsid = nsid;
  // A question names the namespace alone.
  if (type == RTM_GETNSID) message.header.nlmsg_len = static_cast<uint32_t>(offsetof(decltype(message), nsid_head));

  asked_ = type;
  answered_ = false;
  error_ = 0;
  answer_ = kNone;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = sendto(socket_.get(), &message, message.header.nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;
  while (!answered_) {
    // An overflow takes the answer with it as well.
    if (!receive(true)) return errno == EAGAIN ? ETIMEDOUT : errno;
    if (lost_ && !answered_) return ENOBUFS;
  }
  asked_ = 0;
  answer = answer_;
  return error_;
}

bool NsidChannel::receive(bool wait) {
  uint8_t buffer[4096];
  iovec part{buffer, sizeof buffer};
  sockaddr_nl from{};
  msghdr head{};
  head.msg_name = &from;
  head.msg_namelen = sizeof from;
  head.msg_iov = &part;
  head.msg_iovlen = 1;
  const ssize_t got = recvmsg(fd(), &head, 0);
  if (got < 0) {
    if (errno == EINTR) return true;
    if (errno == ENOBUFS) return lost_ = true;
    if (errno != EAGAIN || !wait) return false;
    pollfd until{fd(), POLLIN, 0};
    if (::poll(&until, 1, kSilenceMilliseconds) != 0) return true;
    errno = EAGAIN;
    return false;
  }
  // Only the kernel (port 0) knows.
  if (from.nl_pid != 0) return true;
  MessageWalk walk(buffer, static_cast<size_t>(got));
  while (walk.next() == Next::kMessage) message(walk.payload, walk.header.type, walk.header.sequence, walk.header.port, walk.payload_length);
  return true;
}

void NsidChannel::message(const uint8_t* bytes, uint16_t type, uint32_t sequence, uint32_t port, size_t length) {
  const bool ours = asked_ != 0 && sequence == sequence_ && port == port_;
  if (type == NLMSG_ERROR && ours) {
    error_ = length >= sizeof(int) ? -load<int>(bytes) : EBADMSG;
    answered_ = true;
    return;
  }
  int nsid = kNone;
  if ((type != RTM_NEWNSID && type != RTM_DELNSID) || !attribute(bytes, length, NETNSA_NSID, nsid)) return;
  // The answer to a question looks like a notification; that of a number we gave is one, and bears our sequence too.
  if (ours && asked_ == RTM_GETNSID && type == RTM_NEWNSID) {
    answer_ = nsid;
    answered_ = true;
  } else {
    changes_.push_back({type == RTM_NEWNSID, nsid});
  }
}

}  // namespace netsoak
