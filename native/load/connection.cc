#include "connection.h"

#include <algorithm>
#include <linux/tcp.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>

namespace {

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78  // linux/in6.h, Linux 4.15; glibc's netinet/in.h lacks it
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24  // linux/in.h
#endif

// net/tcp_states.h
constexpr std::uint8_t kFinWait2 = 5;
constexpr std::uint8_t kCloseWait = 8;

// Nothing here takes long; a limit keeps a fault from freezing the whole load in silence.
constexpr timeval kPatience{30, 0};

void setOption(int fd, int level, int name, const void* value, socklen_t length, const char* what) {
  if (::setsockopt(fd, level, name, value, length) != 0) fail(std::string("could not set ") + what);
}

void setFlag(int fd, int level, int name, int value, const char* what) { setOption(fd, level, name, &value, sizeof(value), what); }

Fd tcpSocket(int domain) {
  Fd fd(::socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail("could not open a TCP socket");
  return fd;
}

void setPatience(int fd) {
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience), "SO_RCVTIMEO");
  setOption(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience), "SO_SNDTIMEO");
}

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
};

Endpoint endpoint(const in_addr& address, std::uint16_t port) {
  Endpoint out;
  auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr = address;
  out.length = sizeof(in);
  return out;
}

Endpoint endpoint(const in6_addr& address, std::uint16_t port) {
  Endpoint out;
  auto& in = reinterpret_cast<sockaddr_in6&>(out.storage);
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = address;
  out.length = sizeof(in);
  return out;
}

tcp_info infoOf(int fd) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) fail("could not read TCP_INFO");
  return info;
}

}  // namespace

in_addr Addresses::next4() {
  constexpr std::uint32_t kHalfSize = 1u << 23;  // 10.0.0.0/9 and 10.128.0.0/9
  const auto offset = static_cast<std::uint32_t>(four_++ % kHalfSize);
  if (half_ == Half::home) return in_addr{htonl(0x7f000000u + offset)};
  return in_addr{htonl(0x0a000000u + (half_ == Half::churn ? kHalfSize : 0) + offset)};
}

in6_addr Addresses::next6() {
  const std::uint64_t serial = six_++;
  in6_addr out{};
  const unsigned char head[4] = {0xfd, 0x00, 0x6e, 0x73};
  std::copy(std::begin(head), std::end(head), out.s6_addr);
  out.s6_addr[5] = static_cast<unsigned char>(half_);
  // The middle differs too, so that an address cut to its first or last eight bytes does not look right.
  out.s6_addr[6] = static_cast<unsigned char>(serial * 167);
  out.s6_addr[7] = static_cast<unsigned char>(serial * 59 + 1);
  for (int i = 0; i < 8; ++i) out.s6_addr[15 - i] = static_cast<unsigned char>(serial >> (8 * i));
  return out;
}

Fd listenOn(Family family, std::uint16_t port) {
  Fd fd = tcpSocket(family == Family::v4 ? AF_INET : AF_INET6);
  if (family != Family::v4) setFlag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, family == Family::v6, "IPV6_V6ONLY");
  setPatience(fd.get());
  // At home, where a load that was killed may have left connections in TIME_WAIT.
  setFlag(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  Endpoint any = family == Family::v4 ? endpoint(in_addr{INADDR_ANY}, port) : endpoint(in6addr_any, port);
  if (::bind(fd.get(), any.raw(), any.length) != 0) fail("could not bind port " + std::to_string(port));
  if (::listen(fd.get(), 16) != 0) fail("could not listen on port " + std::to_string(port));
  return fd;
}

Connection connectThrough(const Fd& listener, Family family, std::uint16_t port, Addresses& addresses) {
  Connection out{family, tcpSocket(family == Family::v6 ? AF_INET6 : AF_INET), Fd(), 0, 0, 0, false};
  const int client = out.client.get();
  setPatience(client);
  setFlag(client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
  Endpoint from;
  Endpoint to;
  if (family == Family::v6) {
    // bind(2) takes an AnyIP address as it is under IPv4 only; IPv6 asks for an address of an interface otherwise.
    setFlag(client, IPPROTO_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND");
    from = endpoint(addresses.next6(), 0);
    to = endpoint(addresses.next6(), port);
  } else {
    from = endpoint(addresses.next4(), 0);
    to = endpoint(addresses.next4(), port);
  }
  if (::bind(client, from.raw(), from.length) != 0) fail("could not bind a client address");
  if (::connect(client, to.raw(), to.length) != 0) fail("could not connect to port " + std::to_string(port));
  out.server = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!out.server) fail("could not accept on port " + std::to_string(port));
  setPatience(out.server.get());
  return out;
}

void sendBytes(int fd, std::uint64_t count) {
  static const char payload[16384] = {};
  while (count > 0) {
    const ssize_t sent = ::send(fd, payload, std::min<std::uint64_t>(count, sizeof(payload)), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      fail("could not send over a connection of the load");
    }
    count -= static_cast<std::uint64_t>(sent);
  }
}

void receiveBytes(int fd, std::uint64_t count) {
  char scrap[16384];
  while (count > 0) {
    const ssize_t got = ::recv(fd, scrap, std::min<std::uint64_t>(count, sizeof(scrap)), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      fail("could not receive over a connection of the load");
    }
    if (got == 0) throw Trouble("a connection of the load was closed by its peer");
    count -= static_cast<std::uint64_t>(got);
  }
}

void exchange(Connection& connection, std::uint64_t up, std::uint64_t down) {
  sendBytes(connection.client.get(), up);
  receiveBytes(connection.server.get(), up);
  sendBytes(connection.server.get(), down);
  receiveBytes(connection.client.get(), down);
  connection.up += up;
  connection.down += down;
}

void leaveUnread(Connection& connection, std::uint64_t count) {
  sendBytes(connection.client.get(), count);
  connection.up += count;
  connection.unread += count;
}

void distinguish(const Connection& connection, std::uint64_t serial) {
  // A socket's owner is that of its inode (sockfs_setattr in net/socket.c).
  // More than 16 bits hold.
  const auto uid = static_cast<uid_t>(100'000 + serial * 2 % 49'999);
  if (::fchown(connection.client.get(), uid, static_cast<gid_t>(-1)) != 0 || ::fchown(connection.server.get(), uid + 1, static_cast<gid_t>(-1)) != 0) {
    fail("could not change the owner of a socket");
  }
  // Built into every kernel (net/ipv4/tcp_cong.c); the default is another one nearly everywhere.
  if (serial % 3 == 0) setOption(connection.client.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4, "TCP_CONGESTION");
}

Figures figuresOf(int fd) {
  const tcp_info info = infoOf(fd);
  return {info.tcpi_rtt,          info.tcpi_snd_mss,       info.tcpi_pmtu,
          info.tcpi_snd_cwnd,     info.tcpi_data_segs_in,  info.tcpi_data_segs_out,
          info.tcpi_total_retrans > 0};
}

namespace {

// Until what both ends tell of themselves is so.
template <typename Ready>
void waitFor(const Connection& connection, const char* what, Ready ready) {
  for (int attempt = 0; attempt < 30'000; ++attempt) {
    // Sends an acknowledgement that is being delayed at once (tcp(7)).
    setFlag(connection.client.get(), IPPROTO_TCP, TCP_QUICKACK, 1, "TCP_QUICKACK");
    setFlag(connection.server.get(), IPPROTO_TCP, TCP_QUICKACK, 1, "TCP_QUICKACK");
    if (ready(infoOf(connection.client.get()), infoOf(connection.server.get()))) return;
    ::usleep(1'000);
  }
  throw Trouble(std::string("a connection of the load ") + what + " within 30 s");
}

}  // namespace

void waitQuiet(const Connection& connection) {
  waitFor(connection, "did not come to rest",
          [](const tcp_info& client, const tcp_info& server) { return client.tcpi_unacked == 0 && server.tcpi_unacked == 0; });
}

void halfClose(Connection& connection) {
  if (::shutdown(connection.client.get(), SHUT_WR) != 0) fail("could not shut down one direction of a connection");
  // Until it is read, the end of the stream counts as a byte in the receive queue.
  char none = 0;
  ssize_t got = 0;
  do {
    got = ::recv(connection.server.get(), &none, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != 0) fail("could not read the end of a connection of the load");
  waitFor(connection, "was not half closed",
          [](const tcp_info& client, const tcp_info& server) { return client.tcpi_state == kFinWait2 && server.tcpi_state == kCloseWait; });
  connection.halfClosed = true;
}
