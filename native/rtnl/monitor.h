// Listens to rtnetlink groups of one namespace, from a thread of its own, and survives overflow.
//
// Why not libuv: ENOBUFS makes epoll report POLLERR, uv_poll stops its handle on it, and no event ever arrives again (measured, Node 20.20.2).
// Why drain before telling: while the socket is congested the kernel drops every event until the queue is empty and says ENOBUFS only once, so a
// dump that starts before the drain ends is stale again and nothing will tell.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "channel.h"

namespace netsoak::rtnl {

/** How a loss was noticed, as bits. */
enum Loss : uint32_t {
  kEnobufs = 1,
  /** SO_MEMINFO's drop counter moved: the only sign when ENOBUFS is off or another call has eaten it. */
  kMeminfo = 2,
  kPollError = 4,
  /** The consumer was so slow that events were dropped here. */
  kBacklog = 8,
  /** A datagram that did not fit, or could not be read as messages. */
  kMangled = 16,
};

/** Everything since the last take(). */
struct Report {
  Messages events;
  uint32_t lost = 0;
  /** Total of SK_MEMINFO_DROPS. */
  uint32_t drops = 0;
  /** Times the thread has drained the socket. */
  uint32_t drains = 0;
  /** errno that ended the monitor, 0 while it lives; `step` says of what. */
  int fatal = 0;
  const char* step = "";
  /** Granted receive buffer in bytes (twice what was asked, socket(7)). */
  int granted = 0;
  uint64_t cookie = 0;
};

struct MonitorOptions {
  Place place;
  std::vector<uint32_t> groups;
  /** SO_RCVBUF to ask for, 0 for the kernel's default. */
  int receive_buffer = 0;
  /** NETLINK_NO_ENOBUFS: the kernel does not report overflow on this socket. */
  bool silent_overflow = false;
};

/** Its thread holds it too, so that a thread that does not come back from the kernel can be left behind. */
class Monitor : public std::enable_shared_from_this<Monitor> {
 public:
  /** @param notify called on the monitor's thread when there is something to take(), and not again before it was taken */
  Monitor(MonitorOptions options, std::function<void()> notify);
  /**
   * Starts the thread, which opens the socket and joins the groups. The first report says how that went; every event after it is
   * heard, or its loss reported.
   */
  void start();
  /** Makes the thread drain and look at the drop counter now, and report even if there is nothing. */
  void poke();
  Report take();
  /** Must be called once after start(). `notify` is not called any more. A thread that is stuck is not waited for. */
  void stop();

 private:
  void run();
  Opened open();
  void listen();
  /** Reads to EAGAIN; false when the socket is dead. */
  bool drain();
  void look_at_memory();
  void tell();

  const MonitorOptions options_;
  const std::function<void()> notify_;
  Fd socket_;
  Fd wake_;
  std::vector<uint8_t> buffer_;
  std::thread thread_;

  std::mutex mutex_;
  Report report_;
  std::condition_variable ends_;
  bool ended_ = false;
  bool told_ = false;
  bool poked_ = false;
  bool stopping_ = false;
};

}  // namespace netsoak::rtnl
