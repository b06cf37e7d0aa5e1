// The population that stays: so many namespaces, each with so many connections at rest, one that is half closed and one of the pulse.
#pragma once

#include "holder.h"
#include "pulse.h"
#include "world.h"

#include <memory>
#include <string>
#include <vector>

class Steady {
 public:
  Steady(World& world, Pulse& pulse) : world_(world), pulse_(pulse) {}

  // Makes namespaces until there are `namespaces`; those that are there stay as they are. Not on the main thread
  // (see Namespaces::create). Throws Trouble; what was made until then stays until close().
  void grow(std::uint64_t namespaces, std::uint64_t connections, const std::string& prefix);
  // Announces the end to the ledger, closes every socket and removes every name.
  void close();

  std::uint64_t namespaces() const { return spaces_.size(); }
  std::uint64_t sockets() const { return sockets_; }

 private:
  struct Space {
    NamespaceId id;
    std::vector<Fd> listeners;
  };
  void add(const std::string& name, std::uint64_t connections);
  // In the load's own namespace, in which the subject lives too: a listener and a few connections beside whatever others have there.
  void addHome();

  World& world_;
  Pulse& pulse_;
  Addresses addresses_{Addresses::Half::steady};
  std::vector<std::unique_ptr<Space>> spaces_;
  // Connections at rest: nobody touches them again until they are closed, so they may live in another process.
  std::vector<Connection> inHand_;
  Holders holders_;
  Fd homeListener_;
  std::uint64_t sockets_ = 0;
  std::uint64_t serial_ = 0;
};
