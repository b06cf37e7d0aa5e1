#include "rtnl.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr int kLoopback = 1;  // ifindex of lo in every namespace (LOOPBACK_IFINDEX, net/flow.h)

// A request under construction; large enough for the largest of them (veth, about 150 bytes).
struct Message {
  alignas(nlmsghdr) char bytes[512] = {};

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes); }

  template <typename Body>
  Body& begin(std::uint16_t type, std::uint16_t flags) {
    header()->nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    return *static_cast<Body*>(NLMSG_DATA(header()));
  }

  char* reserve(std::size_t length) {
    char* at = bytes + NLMSG_ALIGN(header()->nlmsg_len);
    const auto end = static_cast<std::size_t>(at - bytes) + NLMSG_ALIGN(length);
    if (end > sizeof(bytes)) throw Trouble("a netlink request outgrew its buffer");
    header()->nlmsg_len = static_cast<std::uint32_t>(end);
    return at;
  }

  rtattr* attribute(int type, const void* data, std::size_t length) {
    auto* out = reinterpret_cast<rtattr*>(reserve(RTA_LENGTH(length)));
    out->rta_type = static_cast<std::uint16_t>(type);
    out->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(length));
    if (length > 0) std::memcpy(RTA_DATA(out), data, length);
    return out;
  }

  rtattr* text(int type, const std::string& value) { return attribute(type, value.c_str(), value.size() + 1); }

  void close(rtattr* nest) {
    nest->rta_len = static_cast<std::uint16_t>(bytes + header()->nlmsg_len - reinterpret_cast<char*>(nest));
  }
};

Message localRoute(unsigned char family, const void* prefix, std::size_t length, unsigned char bits) {
  Message message;
  auto& route = message.begin<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  route.rtm_family = family;
  route.rtm_dst_len = bits;
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  message.attribute(RTA_DST, prefix, length);
  message.attribute(RTA_OIF, &kLoopback, sizeof(kLoopback));
  return message;
}

}  // namespace

Rtnl::Rtnl() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!fd_) fail("could not open an rtnetlink socket");
}

int Rtnl::request(void* raw) {
  auto* message = static_cast<Message*>(raw)->header();
  message->nlmsg_seq = ++sequence_;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd_.get(), message, message->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof(kernel)) < 0) return errno;
  alignas(nlmsghdr) char reply[16384];
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), reply, sizeof(reply), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    auto left = static_cast<unsigned int>(got);
    for (auto* part = reinterpret_cast<nlmsghdr*>(reply); NLMSG_OK(part, left); part = NLMSG_NEXT(part, left)) {
      if (part->nlmsg_seq != sequence_ || part->nlmsg_type != NLMSG_ERROR) continue;
      return -static_cast<nlmsgerr*>(NLMSG_DATA(part))->error;
    }
  }
}

void Rtnl::loopbackUp() {
  Message message;
  auto& link = message.begin<ifinfomsg>(RTM_NEWLINK, 0);
  link.ifi_index = kLoopback;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  if ((errno = request(&message)) != 0) fail("could not bring lo up");
}

void Rtnl::makePrefixesLocal() {
  const unsigned char ten[4] = {10, 0, 0, 0};
  Message four = localRoute(AF_INET, ten, sizeof(ten), 8);
  if ((errno = request(&four)) != 0) fail("could not make 10.0.0.0/8 local");
  const unsigned char ula[16] = {0xfd, 0x00, 0x6e, 0x73};
  Message six = localRoute(AF_INET6, ula, sizeof(ula), 32);
  if ((errno = request(&six)) != 0) fail("could not make fd00:6e73::/32 local");
}

void Rtnl::addVeth(const std::string& name, const std::string& peer, int peerNamespace) {
  const auto add = [&] {
    Message message;
    message.begin<ifinfomsg>(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    message.text(IFLA_IFNAME, name);
    rtattr* info = message.attribute(IFLA_LINKINFO, nullptr, 0);
    message.text(IFLA_INFO_KIND, "veth");
    rtattr* data = message.attribute(IFLA_INFO_DATA, nullptr, 0);
    rtattr* other = message.attribute(VETH_INFO_PEER, nullptr, 0);
    message.reserve(sizeof(ifinfomsg));
    message.text(IFLA_IFNAME, peer);
    message.attribute(IFLA_NET_NS_FD, &peerNamespace, sizeof(peerNamespace));
    message.close(other);
    message.close(data);
    message.close(info);
    return request(&message);
  };
  errno = add();
  if (errno == EEXIST) {
    removeLink(name);
    errno = add();
  }
  if (errno != 0) fail("could not make the veth pair " + name + " (is the veth module loaded?)");
}

bool Rtnl::linkExists(int index) {
  Message message;
  auto& link = message.begin<ifinfomsg>(RTM_GETLINK, 0);
  link.ifi_index = index;
  errno = request(&message);
  if (errno != 0 && errno != ENODEV) fail("could not look for link " + std::to_string(index));
  return errno == 0;
}

void Rtnl::removeLink(const std::string& name) {
  Message message;
  message.begin<ifinfomsg>(RTM_DELLINK, 0);
  message.text(IFLA_IFNAME, name);
  errno = request(&message);
  if (errno != 0 && errno != ENODEV) fail("could not remove the leftover link " + name);
}
