#include "channel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "refuse.h"

namespace netsoak::rtnl {
namespace {

/** The kernel builds dump messages of at most 32 KiB (net/netlink/af_netlink.c, netlink_dump); twice that leaves no doubt. */
constexpr size_t kReceive = 64 << 10;
/** Each acknowledgement is an skb of its own in the receive buffer. */
constexpr size_t kBatch = 128;
constexpr int kWriteBuffer = 1 << 20;
/** rtnetlink answers inside send(): silence for so long means the answer was lost. */
constexpr timeval kPatience{5, 0};

void read_attributes(const uint8_t* at, const uint8_t* end, Failure& failure) {
  while (at + sizeof(nlattr) <= end) {
    nlattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) return;
    const uint8_t* value = at + sizeof attribute;
    const size_t length = attribute.nla_len - sizeof attribute;
    const uint16_t type = attribute.nla_type & NLA_TYPE_MASK;
    if (type == NLMSGERR_ATTR_MSG) failure.detail.assign(reinterpret_cast<const char*>(value), strnlen(reinterpret_cast<const char*>(value), length));
    if (type == NLMSGERR_ATTR_OFFS && length >= sizeof failure.offset) memcpy(&failure.offset, value, sizeof failure.offset);
    at += NLA_ALIGN(attribute.nla_len);
  }
}

/** NLMSG_ERROR, which is also the acknowledgement (error 0). */
Failure read_error(const nlmsghdr& message) {
  Failure failure;
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) {
    failure.error = EBADMSG;
    return failure;
  }
  nlmsgerr body;
  memcpy(&body, NLMSG_DATA(&message), sizeof body);
  failure.error = -body.error;
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    size_t skip = NLMSG_SPACE(sizeof body);
    if ((message.nlmsg_flags & NLM_F_CAPPED) == 0 && body.msg.nlmsg_len > sizeof(nlmsghdr)) skip += NLMSG_ALIGN(body.msg.nlmsg_len - sizeof(nlmsghdr));
    const auto* start = reinterpret_cast<const uint8_t*>(&message);
    if (skip < message.nlmsg_len) read_attributes(start + skip, start + message.nlmsg_len, failure);
  }
  return failure;
}

/** NLMSG_DONE: an int (0, or a negative errno), then attributes. */
Failure read_done(const nlmsghdr& message) {
  Failure failure;
  const auto* start = reinterpret_cast<const uint8_t*>(&message);
  int32_t status = 0;
  if (message.nlmsg_len >= NLMSG_LENGTH(sizeof status)) memcpy(&status, NLMSG_DATA(&message), sizeof status);
  if (status < 0) failure.error = -status;
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) != 0) read_attributes(start + NLMSG_SPACE(sizeof status), start + message.nlmsg_len, failure);
  return failure;
}

/**
 * One datagram from the kernel: its length, or -errno. Datagrams of other senders are dropped: any process may send to a netlink port.
 */
ssize_t receive(int socket, std::vector<uint8_t>& buffer) {
  while (true) {
    sockaddr_nl from{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(socket, &header, 0);
    if (length < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN ? -ETIMEDOUT : -errno;
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) return -EMSGSIZE;
    if (from.nl_pid == 0) return length;
  }
}

bool send_all(int socket, const std::vector<uint8_t>& bytes) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = sendto(socket, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(bytes.size());
}

/** A blocking socket that waits at most kPatience and gets short, explained errors. */
Opened open_one(Home& home, const Place& place, Fd& socket) {
  Opened opened = open_in_namespace(home, place, SOCK_RAW, socket);
  if (opened.error != 0) return opened;
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  // All three are older than any kernel that knows SO_NETNS_COOKIE; without them errors are merely less telling, and strict filters are checked for.
  setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(socket.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return {"bind", errno};
  return {};
}

nlmsghdr& header_at(std::vector<uint8_t>& bytes, size_t offset) { return *reinterpret_cast<nlmsghdr*>(bytes.data() + offset); }

}  // namespace

Opened open_in_namespace(Home& home, const Place& place, int type, Fd& socket) {
  if (!home.known()) return {"home", home.error()};
  Fd file = open_namespace(place.path);
  if (!file.open()) return {"open", errno};
  NamespaceId found;
  if (!identify(file.get(), found)) return {"open", errno};
  // The name stands for another namespace by now; its sockets must never be taken for those of the one meant.
  if (found != place.id) return {"open", ESTALE};
  if (const int error = home.enter(file.get(), found)) return {"setns", error};
  socket = Fd(::socket(AF_NETLINK, type | SOCK_CLOEXEC, NETLINK_ROUTE));
  const int made = socket.open() ? 0 : errno;
  if (const int error = home.leave()) return {"setns", error};
  if (made != 0) return {"socket", made};
  if (const int error = prove(socket.get(), place.id)) return {"proof", error};
  return {};
}

int grow_receive_buffer(int socket, int bytes) {
  if (bytes > 0 && setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  int granted = 0;
  socklen_t size = sizeof granted;
  return getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &granted, &size) == 0 ? granted : 0;
}

void Messages::add(const nlmsghdr& message) {
  offsets.push_back(static_cast<uint32_t>(bytes.size()));
  const auto* start = reinterpret_cast<const uint8_t*>(&message);
  bytes.insert(bytes.end(), start, start + message.nlmsg_len);
  bytes.resize(NLMSG_ALIGN(bytes.size()));
}

Opened Channel::open(Home& home, const Place& place) {
  Opened opened = open_one(home, place, dumps_);
  if (opened.error == 0) opened = open_one(home, place, writes_);
  if (opened.error != 0) return opened;
  grow_receive_buffer(writes_.get(), kWriteBuffer);
  buffer_.resize(kReceive);
  cookie_ = namespace_cookie(dumps_.get());
  return {};
}

Dump Channel::dump(const std::vector<uint8_t>& request, bool unknown) {
  Dump result;
  std::vector<uint8_t> bytes = request;
  if (bytes.size() < sizeof(nlmsghdr) || header_at(bytes, 0).nlmsg_len != bytes.size()) {
    result.failure = {EBADMSG, "a dump is exactly one whole message", 0};
    return result;
  }
  nlmsghdr& header = header_at(bytes, 0);
  header.nlmsg_seq = ++sequence_;
  header.nlmsg_pid = 0;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (const char* reason = refusal(header)) {
    result.failure = {EPERM, reason, 0};
    return result;
  }
  if (!send_all(dumps_.get(), bytes)) {
    result.failure.error = errno;
    return result;
  }
  while (true) {
    const ssize_t length = receive(dumps_.get(), buffer_);
    if (length < 0) {
      result.failure.error = static_cast<int>(-length);
      return result;
    }
    size_t left = static_cast<size_t>(length);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      // Left over from a dump that was given up.
      if (message->nlmsg_seq != sequence_) continue;
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) result.interrupted = true;
      if ((message->nlmsg_flags & NLM_F_DUMP_FILTERED) != 0) result.filtered = true;
      if (message->nlmsg_type == NLMSG_DONE) {
        result.failure = read_done(*message);
        return result;
      }
      if (message->nlmsg_type == NLMSG_ERROR) {
        result.failure = read_error(*message);
        return result;
      }
      if (!unknown || !known_.seen(*message)) result.messages.add(*message);
    }
  }
}

std::vector<Answer> Channel::transact(const std::vector<uint8_t>& requests) {
  std::vector<Answer> answers;
  std::vector<uint8_t> bytes = requests;
  std::vector<size_t> starts;
  for (size_t at = 0; at + sizeof(nlmsghdr) <= bytes.size();) {
    const uint32_t length = header_at(bytes, at).nlmsg_len;
    if (length < sizeof(nlmsghdr) || at + length > bytes.size()) break;
    starts.push_back(at);
    at += NLMSG_ALIGN(length);
  }
  answers.resize(starts.size());

  std::vector<uint8_t> batch;
  std::vector<Answer*> waiting;
  const auto flush = [&] {
    if (!waiting.empty()) transact_batch(batch, waiting.size(), waiting.data());
    batch.clear();
    waiting.clear();
  };
  for (size_t index = 0; index < starts.size(); index++) {
    nlmsghdr& header = header_at(bytes, starts[index]);
    answers[index].refused = refusal(header);
    if (answers[index].refused == nullptr && (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && header.nlmsg_type % 4 == 2) {
      answers[index].refused = "a dump is no transaction";
    }
    if (answers[index].refused != nullptr) continue;
    header.nlmsg_pid = 0;
    header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    const auto start = bytes.begin() + static_cast<ptrdiff_t>(starts[index]);
    batch.insert(batch.end(), start, start + header.nlmsg_len);
    batch.resize(NLMSG_ALIGN(batch.size()));
    waiting.push_back(&answers[index]);
    if (waiting.size() == kBatch) flush();
  }
  flush();
  return answers;
}

void Channel::transact_batch(std::vector<uint8_t>& batch, size_t count, Answer** answers) {
  const uint32_t first = sequence_ + 1;
  for (size_t at = 0; at < batch.size(); at += NLMSG_ALIGN(header_at(batch, at).nlmsg_len)) header_at(batch, at).nlmsg_seq = ++sequence_;
  // Until its acknowledgement is seen nobody knows what became of a request.
  for (size_t index = 0; index < count; index++) answers[index]->failure = {ETIMEDOUT, "the kernel did not acknowledge the request", 0};
  if (!send_all(writes_.get(), batch)) {
    const int error = errno;
    for (size_t index = 0; index < count; index++) answers[index]->failure = {error, "the request could not be sent", 0};
    return;
  }
  for (size_t acknowledged = 0; acknowledged < count;) {
    const ssize_t length = receive(writes_.get(), buffer_);
    if (length < 0) return;
    size_t left = static_cast<size_t>(length);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      const uint32_t index = message->nlmsg_seq - first;
      if (index >= count) continue;
      if (message->nlmsg_type == NLMSG_ERROR) {
        answers[index]->failure = read_error(*message);
        acknowledged++;
      } else {
        answers[index]->reply.add(*message);
      }
    }
  }
}

}  // namespace netsoak::rtnl
