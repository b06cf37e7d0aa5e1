#include "ledger.h"

#include <arpa/inet.h>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace {

struct Side {
  std::string address;
  std::uint16_t port = 0;
  int family = AF_UNSPEC;
};

Side sideOf(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    return {text, ntohs(in.sin_port), AF_INET};
  }
  const auto& in = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
  return {text, ntohs(in.sin6_port), AF_INET6};
}

std::uint64_t socketCookie(int fd) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) fail("could not read SO_COOKIE");
  return cookie;
}

std::string member(const Figures& of) {
  char text[192];
  std::snprintf(text, sizeof(text), R"(,"tcp":{"rtt":%u,"sndMss":%u,"pmtu":%u,"sndCwnd":%u,"dataSegsIn":%u,"dataSegsOut":%u})", of.rtt,
                of.sndMss, of.pmtu, of.sndCwnd, of.dataSegsIn, of.dataSegsOut);
  return text;
}

}  // namespace

std::uint64_t realtimeNs() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

void Lines::add(const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof(line)) throw Trouble("a ledger line outgrew its buffer");
  text_.append(line, static_cast<std::size_t>(length));
  text_.push_back('\n');
}

void Lines::space(const NamespaceId& id, const char* role, const std::string& container) {
  const std::string whose =
      (container.empty() ? "" : ",\"container\":\"" + container + "\"") + std::string(id.cookieMadeUp ? ",\"madeUp\":true" : "");
  add(R"({"kind":"netns","name":"%s","netns":"%)" PRIu64 R"(","inode":%)" PRIu64 R"(,"role":"%s"%s,"at":"%)" PRIu64 R"("})", id.name.c_str(),
      id.cookie, static_cast<std::uint64_t>(id.inode), role, whose.c_str(), realtimeNs());
}

void Lines::socket(const NamespaceId& id, const char* role, const char* end, int fd, std::uint64_t sent, std::uint64_t received,
                   std::uint64_t unread, int state, const std::string& figures) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) fail("could not read a local address");
  const Side here = sideOf(storage);
  Side there{here.family == AF_INET ? "0.0.0.0" : "::", 0, here.family};
  length = sizeof(storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0) there = sideOf(storage);
  else if (errno != ENOTCONN) fail("could not read a peer's address");
  struct stat owned {};
  if (::fstat(fd, &owned) != 0) fail("could not read the inode of a socket");
  char congestion[16] = {};  // TCP_CA_NAME_MAX, net/tcp.h
  length = sizeof(congestion);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &length) != 0) fail("could not read TCP_CONGESTION");
  const std::string unusual = state == 0 ? "" : ",\"state\":" + std::to_string(state);
  add(R"({"kind":"socket","name":"%s","netns":"%)" PRIu64 R"(","cookie":"%)" PRIu64
      R"(","role":"%s","end":"%s"%s,"family":%d,"src":"%s","sport":%u,"dst":"%s","dport":%u,"sent":"%)" PRIu64 R"(","received":"%)" PRIu64
      R"(","unread":%)" PRIu64 R"(,"uid":%u,"inode":%u,"congestion":"%.15s"%s,"at":"%)" PRIu64 R"("})",
      id.name.c_str(), id.cookie, socketCookie(fd), role, end, unusual.c_str(), here.family == AF_INET ? 4 : 6, here.address.c_str(),
      static_cast<unsigned>(here.port), there.address.c_str(), static_cast<unsigned>(there.port), sent, received, unread,
      static_cast<unsigned>(owned.st_uid), static_cast<unsigned>(owned.st_ino), congestion, figures.c_str(), realtimeNs());
}

void Lines::listener(const NamespaceId& id, const char* role, int fd) { socket(id, role, "listener", fd, 0, 0, 0); }

void Lines::connection(const NamespaceId& id, const char* role, const Connection& connection) { ends(id, role, connection, "", ""); }

void Lines::atRest(const NamespaceId& id, const Connection& connection) {
  const Figures client = figuresOf(connection.client.get());
  const Figures server = figuresOf(connection.server.get());
  // The copy of a segment may still be on its way, and be counted when it is there.
  const bool told = !client.retransmitted && !server.retransmitted;
  ends(id, "steady", connection, told ? member(client) : "", told ? member(server) : "");
}

void Lines::ends(const NamespaceId& id, const char* role, const Connection& connection, const std::string& client, const std::string& server) {
  socket(id, role, "client", connection.client.get(), connection.up, connection.down, 0, connection.halfClosed ? TCP_FIN_WAIT2 : 0, client);
  socket(id, role, "server", connection.server.get(), connection.down, connection.up, connection.unread,
         connection.halfClosed ? TCP_CLOSE_WAIT : 0, server);
}

void Lines::steadyReady(std::uint64_t namespaces, std::uint64_t sockets) {
  add(R"({"kind":"steady-ready","namespaces":%)" PRIu64 R"(,"sockets":%)" PRIu64 R"(,"at":"%)" PRIu64 R"("})", namespaces, sockets,
      realtimeNs());
}

void Lines::steadyClosing() { add(R"({"kind":"steady-closing","at":"%)" PRIu64 R"("})", realtimeNs()); }

void Lines::pulse(std::uint64_t round, std::uint64_t bytes, std::uint64_t startedAt, std::uint64_t doneAt) {
  add(R"({"kind":"pulse","round":%)" PRIu64 R"(,"bytes":%)" PRIu64 R"(,"startedAt":"%)" PRIu64 R"(","doneAt":"%)" PRIu64 R"("})", round,
      bytes, startedAt, doneAt);
}

void Lines::deleted(const NamespaceId& id, std::uint64_t closingAt) {
  add(R"({"kind":"netns-deleted","name":"%s","netns":"%)" PRIu64 R"(","closingAt":"%)" PRIu64 R"(","at":"%)" PRIu64 R"("})", id.name.c_str(),
      id.cookie, closingAt, realtimeNs());
}

void Lines::fate(const NamespaceId& id, bool gone, double afterSeconds, double heldSeconds) {
  const std::string held = heldSeconds < 0 ? "null" : std::to_string(heldSeconds);
  add(R"({"kind":"%s","name":"%s","netns":"%)" PRIu64 R"(","afterSeconds":%.3f,"heldSeconds":%s})", gone ? "netns-gone" : "netns-pinned",
      id.name.c_str(), id.cookie, afterSeconds, held.c_str());
}

void Lines::count(std::uint64_t adds, std::uint64_t deletes, std::uint64_t namespaces, std::uint64_t sockets, std::uint64_t late) {
  add(R"({"kind":"count","churnEvents":%)" PRIu64 R"(,"adds":%)" PRIu64 R"(,"deletes":%)" PRIu64 R"(,"namespaces":%)" PRIu64
      R"(,"sockets":%)" PRIu64 R"(,"lateEvents":%)" PRIu64 R"(,"at":"%)" PRIu64 R"("})",
      adds + deletes, adds, deletes, namespaces, sockets, late, realtimeNs());
}
