// Network namespaces with a name: a file below the netns directory onto which the namespace is bind-mounted, as
// `ip netns` does it (ip-netns(8)). No process lives in them: they hang on their name and on their sockets.
#pragma once

#include "fd.h"
#include "rtnl.h"

#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

struct NamespaceId {
  std::string name;
  // SO_NETNS_COOKIE; never used again, unlike the inode. Before Linux 5.14, which tells none, a number of our own.
  std::uint64_t cookie = 0;
  bool cookieMadeUp = false;
  ino_t inode = 0;
};

// The namespace that the calling thread is in, under this name. Throws Trouble.
NamespaceId namespaceHere(const std::string& name);

class Namespaces {
 public:
  // `directory` is made if missing and locked against a second load; leftovers of a killed one are removed.
  explicit Namespaces(const std::string& directory);

  // Makes a namespace with lo up and the load's prefixes local, and runs `inside` with the calling thread in it.
  // The thread must not be the main one: /proc/PID/ns/net, by which a collector finds namespaces, shows the main
  // thread's. It is back home when this returns or throws; after a throw the name is gone again.
  NamespaceId create(const std::string& name, const std::function<void(const NamespaceId&)>& inside);

  // Runs `inside` with the calling thread in a new namespace without a name, which nobody can find: when this returns, nothing holds it any more.
  void pass(const std::function<void()>& inside);

  // Takes the name away; the namespace dies when its last user does.
  void remove(const std::string& name);

  int home() const { return home_.get(); }

 private:
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void removeLeftovers();

  std::string directory_;
  Fd lock_;
  Fd home_;
};

// Every name this program makes begins so.
inline constexpr const char* kNamePrefix = "soak-";
