#include "netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <utility>

namespace netsoak {
namespace {

/** INET_DIAG_MEMINFO (bit 0) to INET_DIAG_SHUTDOWN (bit 7); the others come unasked or with one of these. */
constexpr uint8_t kAllAttributes = 0xff;

/**
 * A dump's data is made inside send() and recv() themselves, so a receive finds none only when the kernel failed to say DONE.
 * Wait for that long, in case, before calling it dead.
 */
constexpr int kSilenceMilliseconds = 1000;

/**
 * The legacy request: unlike SOCK_DIAG_BY_FAMILY it takes AF_UNSPEC and walks the tables once for both families.
 * 1,000 namespaces x 10 sockets: 379 ms against 381 + 389 ms for a dump of each family.
 */
struct Request {
  nlmsghdr header;
  inet_diag_req body;
};

int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

DumpOutcome failed(Step step, int error, bool worth_retrying = false) {
  DumpOutcome outcome;
  outcome.step = step;
  outcome.error = error;
  outcome.worth_retrying = worth_retrying;
  return outcome;
}

/** NLMSGERR_ATTR_MSG of the attributes in `bytes`, "" without one. */
std::string extended_ack(const uint8_t* bytes, size_t length) {
  constexpr size_t kHeader = 4;
  while (length >= kHeader) {
    const size_t size = load<uint16_t>(bytes);
    if (size < kHeader || size > length) break;
    if ((load<uint16_t>(bytes + 2) & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
      return std::string(reinterpret_cast<const char*>(bytes + kHeader), strnlen(reinterpret_cast<const char*>(bytes + kHeader), size - kHeader));
    }
    const size_t step = NLA_ALIGN(size) < length ? NLA_ALIGN(size) : length;
    bytes += step;
    length -= step;
  }
  return {};
}

/** NLMSG_ERROR, or NLMSG_DONE with an error: both begin with a negative errno. */
DumpOutcome kernel_error(const MessageWalk& walk) {
  const int error = walk.payload_length >= sizeof(int) ? -load<int>(walk.payload) : EBADMSG;
  DumpOutcome outcome = failed(Step::kNetlink, error == 0 ? EBADMSG : error);
  size_t attributes = sizeof(int);
  if (walk.header.type == NLMSG_ERROR) {
    // The request follows the errno, whole unless NLM_F_CAPPED.
    attributes += kMessageHeader;
    if (!(walk.header.flags & NLM_F_CAPPED) && walk.payload_length >= attributes) {
      const size_t request = load<uint32_t>(walk.payload + sizeof(int));
      if (request >= kMessageHeader && request <= walk.payload_length) attributes += NLMSG_ALIGN(request) - kMessageHeader;
    }
  }
  if ((walk.header.flags & NLM_F_ACK_TLVS) && attributes < walk.payload_length) {
    outcome.detail = extended_ack(walk.payload + attributes, walk.payload_length - attributes);
  }
  return outcome;
}

/** The receive loop of one dump. */
class Receiver {
 public:
  Receiver(int socket, uint32_t sequence, uint8_t* buffer, size_t capacity, DumpSink& sink)
      : socket_(socket), sequence_(sequence), buffer_(buffer), capacity_(capacity), sink_(sink) {}

  DumpOutcome run() {
    while (!ended_) {
      size_t length = 0;
      if (receive(length)) {
        sink_.received(now());
        messages(length);
      }
    }
    outcome_.interrupted = interrupted_;
    outcome_.late = late_;
    outcome_.strange = strange_;
    return outcome_;
  }

 private:
  void end(DumpOutcome outcome) {
    outcome_ = std::move(outcome);
    ended_ = true;
  }

  /** False: nothing to look at, or the end. */
  bool receive(size_t& length) {
    iovec part{buffer_, capacity_};
    sockaddr_nl from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t got = recvmsg(socket_, &message, 0);
    if (got < 0) {
      // ENOBUFS: the kernel dropped messages of this dump.
      if (errno == EAGAIN) wait();
      else if (errno != EINTR) end(failed(Step::kRecv, errno, errno == ENOBUFS));
      return false;
    }
    // Only the kernel (port 0) may answer; any process may send to a netlink port.
    if (from.nl_pid != 0) {
      strange_++;
      return false;
    }
    if (message.msg_flags & MSG_TRUNC) {
      end(failed(Step::kRecv, EMSGSIZE, true));
      return false;
    }
    length = static_cast<size_t>(got);
    return true;
  }

  void wait() {
    pollfd wait{socket_, POLLIN, 0};
    if (::poll(&wait, 1, kSilenceMilliseconds) == 0) end(failed(Step::kRecv, ETIMEDOUT, true));
  }

  void messages(size_t length) {
    MessageWalk walk(buffer_, length);
    Next next;
    while (!ended_ && (next = walk.next()) == Next::kMessage) {
      // A late reply to an older request on this socket.
      if (walk.header.sequence != sequence_) late_++;
      else message(walk);
    }
    if (!ended_ && next != Next::kEnd) end(failed(Step::kRecv, EBADMSG, true));
  }

  void message(const MessageWalk& walk) {
    if ((walk.header.flags & NLM_F_DUMP_INTR) && !interrupted_) {
      interrupted_ = true;
      if (!sink_.go_on_interrupted()) return end(failed(Step::kRecv, EINTR, true));
    }
    switch (walk.header.type) {
      case NLMSG_DONE:
        return end(walk.payload_length >= sizeof(int) && load<int>(walk.payload) < 0 ? kernel_error(walk) : DumpOutcome{});
      case NLMSG_ERROR:
        return end(kernel_error(walk));
      case NLMSG_OVERRUN:
        return end(failed(Step::kRecv, ENOBUFS, true));
      case TCPDIAG_GETSOCK:
      case SOCK_DIAG_BY_FAMILY:
        if (!sink_.message(walk.payload, walk.payload_length, interrupted_)) end(failed(Step::kClosed, ECANCELED));
        break;
      default:
        break;
    }
  }

  const int socket_;
  const uint32_t sequence_;
  uint8_t* const buffer_;
  const size_t capacity_;
  DumpSink& sink_;
  bool ended_ = false;
  bool interrupted_ = false;
  uint64_t late_ = 0;
  uint64_t strange_ = 0;
  DumpOutcome outcome_;
};

}  // namespace

int open_diag_socket() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  if (fd >= 0) {
    // Only makes errors readable: an older kernel without it serves as well.
    const int on = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  }
  return fd;
}

DumpOutcome dump(int socket, const Query& query, uint32_t sequence, uint8_t* buffer, size_t capacity, DumpSink& sink) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = TCPDIAG_GETSOCK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = sequence;
  request.body.idiag_family = AF_UNSPEC;
  request.body.idiag_ext = kAllAttributes;
  request.body.idiag_states = query.states;
  // The program's length is a multiple of 4 by itself: nothing to pad.
  nlattr filter{static_cast<uint16_t>(sizeof filter + query.filter.size()), INET_DIAG_REQ_BYTECODE};
  iovec parts[] = {{&request, sizeof request}, {&filter, sizeof filter}, {const_cast<uint8_t*>(query.filter.data()), query.filter.size()}};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts;
  message.msg_iovlen = query.filter.empty() ? 1 : 3;
  if (!query.filter.empty()) request.header.nlmsg_len += filter.nla_len;
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, 0);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return failed(Step::kSend, errno);

  return Receiver(socket, sequence, buffer, capacity, sink).run();
}

}  // namespace netsoak
