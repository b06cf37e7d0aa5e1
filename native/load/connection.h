// TCP connections inside one namespace, each with an address pair of its own and known byte counts.
// All calls act in the network namespace of the calling thread.
#pragma once

#include "fd.h"

#include <cstddef>
#include <cstdint>
#include <netinet/in.h>

// `mapped`: an IPv4 client at a dual-stack listener, whose server socket is AF_INET6 with ::ffff:a.b.c.d.
enum class Family { v4, v6, mapped };

// Hands out addresses of 10.0.0.0/8 and fd00:6e73::/32, none twice within 8 million. Two halves, so that steady
// and churned populations never share one. `home`: of 127.0.0.0/8, which every namespace has, and of IPv4 alone.
class Addresses {
 public:
  enum class Half : std::uint8_t { steady, churn, home };
  // `skipped`: where to begin, for populations that know nothing of each other.
  explicit Addresses(Half half, std::uint64_t skipped = 0) : half_(half), four_(0x0101 + skipped), six_(0x0101 + skipped) {}

  in_addr next4();
  in6_addr next6();

 private:
  Half half_;
  std::uint64_t four_;
  std::uint64_t six_;
};

struct Connection {
  Family family;
  Fd client;
  Fd server;
  // Bytes that client and server sent; each end received all of the other's.
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  // Of `up`, what the server has not read: the length of its receive queue.
  std::uint64_t unread = 0;
  // The client said that it sends no more, the server did not: FIN_WAIT2 and CLOSE_WAIT for as long as both have their descriptors.
  bool halfClosed = false;
};

// Listens on every address of the family; `mapped` gives a dual-stack listener.
Fd listenOn(Family family, std::uint16_t port);

// Connects a fresh address pair through `listener` (of the same family).
Connection connectThrough(const Fd& listener, Family family, std::uint16_t port, Addresses& addresses);

// Client sends `up`, server sends `down` bytes, and each end reads all of it. Both must fit the socket buffers.
void exchange(Connection& connection, std::uint64_t up, std::uint64_t down);

// The client sends `count` bytes more, which the server leaves in its receive queue.
void leaveUnread(Connection& connection, std::uint64_t count);

// The client ends its direction, and the server takes note of it.
void halfClose(Connection& connection);

// Both sockets get an owner and the client a congestion control of their own, so that a row which shows a neighbour's is seen.
// `serial` chooses them; uids are from 100,000 on.
void distinguish(const Connection& connection, std::uint64_t serial);

void sendBytes(int fd, std::uint64_t count);
void receiveBytes(int fd, std::uint64_t count);

// Of TCP_INFO what stays as it is while nothing is sent or received (harness/facts/ledger.ts).
struct Figures {
  std::uint32_t rtt, sndMss, pmtu, sndCwnd, dataSegsIn, dataSegsOut;
  // Of this end, the handshake's as well.
  bool retransmitted;
};
Figures figuresOf(int fd);

// Waits until every byte sent is acknowledged at both ends, so that tcp_info's counters are final.
void waitQuiet(const Connection& connection);
