#include "dump.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::uint8_t kAllAttributes = 0xff;
constexpr std::uint32_t kAllStates = 0x1fff;

template <typename Body>
Request pack(std::uint16_t type, const Body& body) {
  Request out{};
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof body));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = 1;
  static_assert(NLMSG_LENGTH(sizeof body) <= sizeof out.bytes);
  std::memcpy(out.bytes, &header, sizeof header);
  std::memcpy(out.bytes + NLMSG_HDRLEN, &body, sizeof body);
  out.length = header.nlmsg_len;
  return out;
}

}  // namespace

void die(const char* what) {
  std::fprintf(stderr, "netsoak-readers: %s: %s\n", what, std::strerror(errno));
  // Without destructors: other threads are at work.
  std::_Exit(70);
}

void Tally::add(const Tally& other) {
  rows += other.rows;
  receives += other.receives;
  bytes += other.bytes;
}

std::vector<Request> requests(Families families) {
  if (families == Families::together) {
    inet_diag_req body{};
    body.idiag_family = AF_UNSPEC;
    body.idiag_ext = kAllAttributes;
    body.idiag_states = kAllStates;
    return {pack(TCPDIAG_GETSOCK, body)};
  }
  std::vector<Request> both;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 body{};
    body.sdiag_family = static_cast<std::uint8_t>(family);
    body.sdiag_protocol = IPPROTO_TCP;
    body.idiag_ext = kAllAttributes;
    body.idiag_states = kAllStates;
    both.push_back(pack(SOCK_DIAG_BY_FAMILY, body));
  }
  return both;
}

std::vector<std::string> listSpaces(const std::string& directory) {
  DIR* listing = ::opendir(directory.c_str());
  if (listing == nullptr) die(directory.c_str());
  std::vector<std::string> found;
  while (const dirent* entry = ::readdir(listing)) {
    if (entry->d_name[0] != '.') found.push_back(directory + "/" + entry->d_name);
  }
  ::closedir(listing);
  std::sort(found.begin(), found.end());
  return found;
}

int openIn(const std::string& space) {
  const int fd = ::open(space.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(space.c_str());
  if (::setns(fd, CLONE_NEWNET) != 0) die("setns");
  ::close(fd);
  const int made = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (made < 0) die("socket");
  return made;
}

void dump(int socket, const Request& request, unsigned char* buffer, Tally& tally) {
  if (::send(socket, request.bytes, request.length, 0) < 0) die("send");
  for (;;) {
    const ssize_t got = ::recv(socket, buffer, kReceiveBytes, 0);
    if (got < 0) die("recv");
    if (consume(buffer, static_cast<std::size_t>(got), tally)) return;
  }
}

bool consume(const unsigned char* bytes, std::size_t length, Tally& tally) {
  tally.receives++;
  tally.bytes += length;
  for (std::size_t at = 0; at + NLMSG_HDRLEN <= length;) {
    nlmsghdr header;
    std::memcpy(&header, bytes + at, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length - at) break;
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      errno = EPROTO;
      die("the kernel refused the dump");
    }
    tally.rows++;
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return false;
}
