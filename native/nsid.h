// Which number (nsid) this process's network namespace has for another one: asked, given, and followed by RTNLGRP_NSID.
//
// Requests and notifications share one socket: the answer to a request stands in the queue behind every notification that was sent before it,
// so whoever reads in order never takes an old holder of a number for the new one.
#pragma once
#include <cstdint>
#include <vector>

#include "netns.h"

namespace netsoak {

class NsidChannel {
 public:
  static constexpr int kNone = -1;

  /** A number was given to a namespace, or its holder died. */
  struct Change {
    bool given;
    int nsid;
  };

  /** Opens the socket in the namespace of this thread. 0 or errno. */
  int open();
  int fd() const { return socket_.get(); }
  /** Reads the notifications that wait. */
  void drain();
  /** Those since the last call, in order. */
  std::vector<Change> take_changes();
  /** Whether notifications were lost since the last call: then any number may have another holder by now. */
  bool take_lost();
  /**
   * The number of the namespace that `fd` is open on; gives it one, that was never used before by this process, if it has none.
   * Needs CAP_NET_ADMIN for that. @returns 0 or errno
   */
  int number(int fd, int& nsid);
  /** Asks without giving: kNone when it has none. */
  int get(int fd, int& nsid);

 private:
  int assign(int fd, int nsid);
  int request(uint16_t type, uint16_t flags, int fd, int nsid, int& answer);
  /** Handles what one receive brings. False: nothing was waiting, or it failed with errno. */
  bool receive(bool wait);
  void message(const uint8_t* bytes, uint16_t type, uint32_t sequence, uint32_t port, size_t length);

  Fd socket_;
  uint32_t port_ = 0;
  uint32_t sequence_ = 0;
  /** The request under way. */
  uint16_t asked_ = 0;
  bool answered_ = false;
  int error_ = 0;
  int answer_ = kNone;
  int next_ = kNone;
  std::vector<Change> changes_;
  bool lost_ = false;
};

}  // namespace netsoak
