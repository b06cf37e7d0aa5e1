// Processes that do nothing but keep sockets open: one process may have fewer descriptors than a population has sockets.
#pragma once

#include "connection.h"

#include <sys/types.h>
#include <utility>
#include <vector>

class Holders {
 public:
  Holders() = default;
  Holders(const Holders&) = delete;
  ~Holders() { close(); }

  // Hands the sockets over to a new process and closes them here. Throws Trouble.
  void take(std::vector<Connection>& connections);
  // Ends the processes, and with them their sockets. The kernel does so too when this process dies in whatever way.
  void close();

 private:
  struct Holder {
    pid_t pid;
    // The holder waits for the end of this pipe. Not by PR_SET_PDEATHSIG: that watches the thread that forked.
    Fd lifeline;
  };
  std::vector<Holder> holders_;
};
