// One rtnetlink socket of a session: dumps with their verdict, requests with their acknowledgements. Blocking; for a thread of its own.
#pragma once
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../netns.h"
#include "known.h"

namespace netsoak::rtnl {

/** Where opening a socket in a namespace failed; `error` 0 when it did not. */
struct Opened {
  const char* step = "";
  int error = 0;
};

/** A network namespace: what to open, and what must be found there. */
struct Place {
  std::string path;
  NamespaceId id;
};

/** Enters the namespace, makes a socket there, comes home, and proves by the socket itself where it is. */
Opened open_in_namespace(Home& home, const Place& place, int type, Fd& socket);

/** What the kernel said of a failed request. */
struct Failure {
  /** errno, 0 for none. */
  int error = 0;
  /** NLMSGERR_ATTR_MSG, "" when there is none. */
  std::string detail;
  /** NLMSGERR_ATTR_OFFS: the byte of the request that it complains of, 0 for none. */
  uint32_t offset = 0;
};

/** Complete netlink messages, one after the other at multiples of NLMSG_ALIGNTO. */
struct Messages {
  std::vector<uint8_t> bytes;
  /** Where each begins. */
  std::vector<uint32_t> offsets;
  void add(const nlmsghdr& message);
};

struct Dump {
  Messages messages;
  Failure failure;
  /** NLM_F_DUMP_INTR on any message: the table changed meanwhile. Absence proves nothing for routes and tc (no generation check there). */
  bool interrupted = false;
  /** NLM_F_DUMP_FILTERED: the kernel applied the filter. */
  bool filtered = false;
};

/** What became of one request. */
struct Answer {
  Failure failure;
  /** Not sent: see refuse.h. */
  const char* refused = nullptr;
  /** What a get asked for, or the echo of a change. */
  Messages reply;
};

class Channel {
 public:
  /** Opens both sockets; `cookie` is SO_NETNS_COOKIE. */
  Opened open(Home& home, const Place& place);
  uint64_t cookie() const { return cookie_; }

  /** Sends one request as a dump and reads to its end. `unknown`: leaves out what {@link known} has. */
  Dump dump(const std::vector<uint8_t>& request, bool unknown);
  Known& known() { return known_; }

  /** Sends requests, in order and as one batch of at most 128, and waits for the acknowledgement of each. */
  std::vector<Answer> transact(const std::vector<uint8_t>& requests);

 private:
  void transact_batch(std::vector<uint8_t>& batch, size_t count, Answer** answers);

  Fd dumps_;
  Fd writes_;
  uint32_t sequence_ = 0;
  uint64_t cookie_ = 0;
  std::vector<uint8_t> buffer_;
  Known known_;
};

/** Sets SO_RCVBUF past net.core.rmem_max where allowed; returns what the kernel granted (it doubles the request), 0 when it can't be read. */
int grow_receive_buffer(int socket, int bytes);

}  // namespace netsoak::rtnl
