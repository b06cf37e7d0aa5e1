// One dump over one NETLINK_SOCK_DIAG socket: the request, the receive loop, and every way it can end.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "decode.h"

namespace netsoak {

/** The step of reading a namespace that failed. Order and names are those of `kStepNames`. */
enum class Step : uint8_t { kNone, kOpen, kSetns, kSocket, kProof, kSend, kRecv, kNetlink, kClosed, kListen, kNsid };
constexpr const char* kStepNames[] = {"", "open", "setns", "socket", "proof", "send", "recv", "netlink", "closed", "listen", "nsid"};

struct DumpOutcome {
  Step step = Step::kNone;
  /** errno of that step, 0 when the dump ended with NLMSG_DONE. */
  int error = 0;
  /** NLM_F_DUMP_INTR was seen: the table changed in a way that may hide or repeat sockets. */
  bool interrupted = false;
  /** Messages were lost or late: another dump may succeed. */
  bool worth_retrying = false;
  /** Messages that were passed over: of an older request (wrong sequence), and receives from a port that is not the kernel's. */
  uint64_t late = 0;
  uint64_t strange = 0;
  /** The kernel's own words (extended ack), often empty. */
  std::string detail;
};

/** Which sockets the kernel is asked for. */
struct Query {
  /** Bits by net/tcp_states.h. */
  uint32_t states;
  /** INET_DIAG_REQ_BYTECODE, see filter.h; empty: all. */
  std::vector<uint8_t> filter;
};

/** What a dump hands out while it runs. */
class DumpSink {
 public:
  virtual ~DumpSink() = default;
  /** A receive returned at `timestamp` (CLOCK_REALTIME, nanoseconds). */
  virtual void received(int64_t timestamp) = 0;
  /**
   * The payload of one message. `interrupted`: NLM_F_DUMP_INTR has been seen in this dump.
   * False ends the dump at once, as Step::kClosed.
   */
  virtual bool message(const uint8_t* payload, size_t length, bool interrupted) = 0;
  /** NLM_F_DUMP_INTR was seen for the first time. False ends the dump at once: it will be repeated. */
  virtual bool go_on_interrupted() = 0;
};

/**
 * A diag socket, close-on-exec and non-blocking, in the namespace of this thread.
 * @returns -1 with errno
 */
int open_diag_socket();

/**
 * Asks for all TCP sockets of `query`, IPv4 and IPv6 in one walk of the kernel's tables, and
 * receives them into `buffer` (at least 32 KB: no larger message is sent).
 */
DumpOutcome dump(int socket, const Query& query, uint32_t sequence, uint8_t* buffer, size_t capacity, DumpSink& sink);

}  // namespace netsoak
