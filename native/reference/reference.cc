// netsoak-reference INTERVAL PORT: the least that a collector of TCP sockets can be, to hold the harness and other subjects against. One thread;
// every namespace of /run/netns and its own, one after the other, each entered, dumped with a plain blocking socket, and left; every row is printed
// as it comes, as a JSON object a line with the names of collector/netsoak.proto. Shares no code with netsoakd. On PORT it answers GET with
// its metrics. Containers are not looked for: its rows carry no container_id.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // asm-generic/socket.h, Linux 5.14
#endif

namespace {

constexpr const char* kNames = "/run/netns";

volatile sig_atomic_t stopped = 0;
std::uint64_t rows = 0;
std::uint64_t polls = 0;
std::uint64_t errors = 0;

std::int64_t nanoseconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct Namespace {
  std::string name;
  std::uint64_t inode = 0;
  std::uint64_t cookie = 0;
};

const char* hostname() {
  static char name[256];
  if (name[0] == 0 && ::gethostname(name, sizeof name - 1) != 0) std::strcpy(name, "unknown");
  return name;
}

// What the kernel did not send (tcp_info grew over the years) is not printed.
bool has(const rtattr* info, std::size_t end) { return info != nullptr && RTA_PAYLOAD(info) >= end; }

void printRow(const Namespace& space, std::int64_t poll, const nlmsghdr* header) {
  const auto* const m = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  const rtattr* info = nullptr;
  const char* congestion = "";
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *m));
  for (const auto* a = reinterpret_cast<const rtattr*>(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == INET_DIAG_INFO) info = a;
    if (a->rta_type == INET_DIAG_CONG) congestion = static_cast<const char*>(RTA_DATA(a));
  }
  char source[INET6_ADDRSTRLEN] = "";
  char destination[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(m->idiag_family, m->id.idiag_src, source, sizeof source);
  ::inet_ntop(m->idiag_family, m->id.idiag_dst, destination, sizeof destination);
  const std::uint64_t cookie = std::uint64_t{m->id.idiag_cookie[1]} << 32 | m->id.idiag_cookie[0];
  std::printf("{\"hostname\":\"%s\",\"poll_id\":\"%" PRId64 "\",\"timestamp_ns\":\"%" PRId64 "\",\"netns\":\"%s\",\"netns_inode\":\"%" PRIu64 "\",\"netns_cookie\":\"%" PRIu64 "\"",
              hostname(), poll, nanoseconds(CLOCK_REALTIME), space.name.c_str(), space.inode, space.cookie);
  std::printf(",\"inet_diag_msg_family\":%u,\"inet_diag_msg_state\":%u,\"inet_diag_msg_socket_cookie\":\"%" PRIu64 "\"", m->idiag_family, m->idiag_state, cookie);
  std::printf(",\"inet_diag_msg_socket_source\":\"%s\",\"inet_diag_msg_socket_source_port\":%u", source, ntohs(m->id.idiag_sport));
  std::printf(",\"inet_diag_msg_socket_destination\":\"%s\",\"inet_diag_msg_socket_destination_port\":%u", destination, ntohs(m->id.idiag_dport));
  std::printf(",\"inet_diag_msg_rqueue\":%u,\"inet_diag_msg_wqueue\":%u", m->idiag_rqueue, m->idiag_wqueue);
  std::printf(",\"inet_diag_msg_uid\":%u,\"inet_diag_msg_inode\":%u,\"congestion_algorithm_string\":\"%s\"", m->idiag_uid, m->idiag_inode, congestion);
  if (has(info, offsetof(tcp_info, tcpi_bytes_received) + 8)) {
    tcp_info tcp{};
    std::memcpy(&tcp, RTA_DATA(info), RTA_PAYLOAD(info) < sizeof tcp ? RTA_PAYLOAD(info) : sizeof tcp);
    std::printf(",\"tcp_info_bytes_acked\":\"%" PRIu64 "\",\"tcp_info_bytes_received\":\"%" PRIu64 "\"", std::uint64_t{tcp.tcpi_bytes_acked},
                std::uint64_t{tcp.tcpi_bytes_received});
    std::printf(",\"tcp_info_state\":%u,\"tcp_info_rtt\":%u,\"tcp_info_snd_mss\":%u", tcp.tcpi_state, tcp.tcpi_rtt, tcp.tcpi_snd_mss);
    std::printf(",\"tcp_info_pmtu\":%u,\"tcp_info_snd_cwnd\":%u", tcp.tcpi_pmtu, tcp.tcpi_snd_cwnd);
    if (has(info, offsetof(tcp_info, tcpi_data_segs_out) + 4))
      std::printf(",\"tcp_info_data_segs_in\":%u,\"tcp_info_data_segs_out\":%u", tcp.tcpi_data_segs_in, tcp.tcpi_data_segs_out);
    if (has(info, offsetof(tcp_info, tcpi_bytes_retrans) + 8))
      std::printf(",\"tcp_info_bytes_sent\":\"%" PRIu64 "\",\"tcp_info_bytes_retrans\":\"%" PRIu64 "\"", std::uint64_t{tcp.tcpi_bytes_sent},
                  std::uint64_t{tcp.tcpi_bytes_retrans});
  }
  std::puts("}");
  rows++;
}

// False when the kernel told of an error, or that sockets came and went so that the dump is not whole.
bool dump(int socket, int family, const Namespace& space, std::int64_t poll) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof ask;
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  ask.request.sdiag_family = static_cast<std::uint8_t>(family);
  ask.request.sdiag_protocol = IPPROTO_TCP;
  ask.request.idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1);
  ask.request.idiag_states = 0x1fff;
  if (::send(socket, &ask, sizeof ask, 0) < 0) return false;
  static std::vector<char> buffer(256 * 1024);
  for (;;) {
    ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    for (const auto* h = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
      if (h->nlmsg_type == NLMSG_DONE) return true;
      if (h->nlmsg_type == NLMSG_ERROR) return false;
      printRow(space, poll, h);
    }
  }
}

// Enters a namespace and stays there: the next one is entered from it, at half the price of going home in between.
void visit(int fd, const std::string& name, std::int64_t poll) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || ::setns(fd, CLONE_NEWNET) != 0) return;
  Namespace space{name, status.st_ino, 0};
  const int socket = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  socklen_t length = sizeof space.cookie;
  ::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &space.cookie, &length);
  for (const int family : {AF_INET, AF_INET6}) {
    if (!dump(socket, family, space, poll)) errors++;
  }
  ::close(socket);
}

void pollAll(int home) {
  const std::int64_t began = nanoseconds(CLOCK_REALTIME);
  if (DIR* const folder = ::opendir(kNames)) {
    while (const dirent* const entry = ::readdir(folder)) {
      if (entry->d_name[0] == '.') continue;
      // It may have gone since its name was read.
      const int fd = ::open((std::string(kNames) + "/" + entry->d_name).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      visit(fd, entry->d_name, began);
      ::close(fd);
    }
    ::closedir(folder);
  }
  // Last, so that it keeps no other namespace alive until the next poll.
  visit(home, "", began);
  std::fflush(stdout);
  polls++;
}

int listenOn(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 8) != 0) {
    std::perror("netsoak-reference: could not listen");
    std::exit(70);
  }
  return fd;
}

// One answer for every path, and one second for whoever asks.
void answer(int listener) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const timeval second{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  char request[4096];
  (void)::recv(fd, request, sizeof request, 0);
  char body[512];
  const int length = std::snprintf(body, sizeof body,
                                   "reference_rows_total %" PRIu64 "\nreference_polls_total %" PRIu64 "\nreference_dump_errors_total %" PRIu64 "\n", rows, polls, errors);
  char head[128];
  const int headLength = std::snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", length);
  (void)::send(fd, head, static_cast<std::size_t>(headLength), MSG_NOSIGNAL);
  (void)::send(fd, body, static_cast<std::size_t>(length), MSG_NOSIGNAL);
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const double interval = argc == 3 ? std::strtod(argv[1], nullptr) : 0;
  const long port = argc == 3 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (interval <= 0 || port <= 0 || port > 65'535) {
    std::fputs("usage: netsoak-reference INTERVAL-IN-SECONDS METRICS-PORT\n", stderr);
    return 64;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopped = 1; };
  ::sigaction(SIGTERM, &stop, nullptr);
  ::sigaction(SIGINT, &stop, nullptr);
  const int home = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int listener = listenOn(static_cast<std::uint16_t>(port));
  const auto period = static_cast<std::int64_t>(interval * 1e9);
  std::int64_t due = nanoseconds(CLOCK_MONOTONIC);
  while (stopped == 0) {
    const std::int64_t left = due - nanoseconds(CLOCK_MONOTONIC);
    pollfd wait{listener, POLLIN, 0};
    if (::poll(&wait, 1, left > 0 ? static_cast<int>(left / 1'000'000) + 1 : 0) > 0) {
      answer(listener);
    } else if (left <= 0) {
      due = std::max(due + period, nanoseconds(CLOCK_MONOTONIC));
      pollAll(home);
    }
  }
  return 0;
}
