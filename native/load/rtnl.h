// The little rtnetlink that the load needs (linux/rtnetlink.h, rtnetlink(7)): loopback up, whole prefixes made
// local, a veth pair across two namespaces, and whether a link still exists.
#pragma once

#include "fd.h"

#include <cstdint>
#include <string>

class Rtnl {
 public:
  // A socket in the network namespace of the calling thread; it keeps that namespace alive.
  Rtnl();

  void loopbackUp();
  // AnyIP: every address of 10.0.0.0/8 and fd00:6e73::/32 is local to this namespace.
  void makePrefixesLocal();

  // A veth pair: `name` here, `peer` in the namespace of `peerNamespace`. Takes the place of a leftover `name`.
  void addVeth(const std::string& name, const std::string& peer, int peerNamespace);
  bool linkExists(int index);
  void removeLink(const std::string& name);

 private:
  // Sends the request and waits for its acknowledgement; returns 0 or a positive errno.
  int request(void* message);

  Fd fd_;
  std::uint32_t sequence_ = 0;
};
