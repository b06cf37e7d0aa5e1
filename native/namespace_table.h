// The network namespaces of this host, from one look to the next: those that are bind-mounted in directories, and those that processes live
// in. Everything is kept here and nothing in JavaScript, where ten thousand namespaces took 24 MB and made garbage at every poll. Holds no
// namespace open. Any thread may call.
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "namespace.h"

namespace netsoak {

class NamespaceTable {
 public:
  struct Places {
    /** Directories of bind mounts; one that is missing holds none. */
    std::vector<std::string> directories;
    /** Where proc(5) is mounted. */
    std::string proc;
    /** The namespace that is called `host`: any namespace file. */
    std::string own;
  };
  /** A namespace whose container is to be told from the cgroups of processes in it. */
  struct Question {
    uint64_t inode;
    /** What /proc/PID/cgroup says of its first processes. */
    std::vector<std::string> cgroups;
  };
  struct Unread {
    std::string path;
    int error;
  };
  struct Scan {
    /** errno of the look at our own namespace, without which nothing can be told; 0. */
    int error = 0;
    /** Processes whose namespace may not be looked at. */
    uint64_t denied = 0;
    /** Directories that are there and can't be read. */
    std::vector<Unread> unread;
    std::vector<Question> questions;
  };
  enum class Look { kAbsent, kKnown, kNew };

  explicit NamespaceTable(Places places);

  /**
   * Looks at every directory and every process. Blocks: 2 us a mount, 3 us a process.
   * @param now milliseconds since 1970
   */
  Scan scan(int64_t now);
  /**
   * The answer to a question; empty: in none.
   * @param first the first process told it: then no other is asked as long as that one lives
   */
  void contain(uint64_t inode, const std::string& id, const std::string& runtime, bool first);
  /** What the last scan found and is there still: our own, bind mounts, those of processes. The same list as before when nothing has changed. */
  NamespaceListPointer list();
  /** Looks at one file, which has come, changed or gone. `found` is set for kNew. */
  Look look(const std::string& path, int64_t now, NamespacePointer& found);
  /** It is no more. */
  void forget(uint64_t inode, const std::string& path);
  /** Whether a namespace is not where it was. Does not look at those that lie in one of the directories. Blocks. */
  bool some_died(const std::vector<std::string>& except);
  size_t size();

 private:
  struct Entry {
    NamespacePointer found;
    /** Scans: the last that found it, and a process in it; the one before or in which it came by itself. */
    uint64_t scan = 0, lived = 0, came = 0;
    /** Its name is that of a file, not that of its container or its inode. */
    bool mounted = false;
    /** Of processes in it, the one that was asked for its container first, and whether it knew. */
    uint32_t pid = 0;
    bool answered = false;
    int64_t ask_again = 0;
  };
  struct Living {
    unsigned asked;
    size_t question;
  };

  void scan_directory(const std::string& directory, int64_t now, Scan& scan);
  void scan_processes(int64_t now, Scan& scan);
  void lives(uint64_t inode, int proc, const char* pid, int64_t now, std::unordered_map<uint64_t, Living>& living, Scan& scan);
  void found(uint64_t inode, const std::string& path, const char* name, int64_t now);
  Entry& add(uint64_t inode, const std::string& path, const char* name, int64_t now);
  void set(Entry& entry, Namespace value);
  void index(const Entry& entry);
  void set_container(Entry& entry, const std::string& id, const std::string& runtime);
  void drop(uint64_t inode);

  const Places places_;
  std::mutex scanning_;
  /** Guards what follows. */
  std::mutex mutex_;
  uint64_t device_ = 0;
  uint64_t scans_ = 0;
  int64_t last_generation_ = 0;
  std::unordered_map<uint64_t, Entry> entries_;
  /** Of each entry, by its path. */
  std::unordered_map<std::string_view, uint64_t> paths_;
  /** Inodes in the order of the scan under way, and of the last one that ended. */
  std::vector<uint64_t> finding_, order_;
  NamespaceListPointer list_ = std::make_shared<NamespaceList>();
};

}  // namespace netsoak
