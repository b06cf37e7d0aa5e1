// A network namespace as discovery found it.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "netns.h"

namespace netsoak {

/** What discovery knows of a namespace. It never changes: any thread may hold it, and one of which something else is known is another object. */
struct Namespace {
  /** What to open: a bind mount or /proc/PID/ns/net. */
  std::string path;
  NamespaceId id;
  /** Columns of its rows. */
  std::string name, container_id, container_runtime;
  uint64_t generation = 0;

  /** What reading it showed, for the next poll. */
  struct Seen {
    /** Its last dump told of sockets: to ask first whether it has any would be in vain. */
    std::atomic<bool> populated{false};
    /** The netns cookie of a socket that was proven to be in it; 0: none was. */
    std::atomic<uint64_t> proven{0};
  };
  mutable Seen seen;

  Namespace() = default;
  Namespace(const Namespace& other) { *this = other; }
  Namespace& operator=(const Namespace& other) {
    path = other.path;
    id = other.id;
    name = other.name;
    container_id = other.container_id;
    container_runtime = other.container_runtime;
    generation = other.generation;
    seen.populated = other.seen.populated.load();
    seen.proven = other.seen.proven.load();
    return *this;
  }
};

using NamespacePointer = std::shared_ptr<const Namespace>;
/** Namespaces to read. Shared by all who read them, for as long as one of them does. */
using NamespaceList = std::vector<NamespacePointer>;
using NamespaceListPointer = std::shared_ptr<const NamespaceList>;

}  // namespace netsoak
