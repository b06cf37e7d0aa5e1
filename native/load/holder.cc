#include "holder.h"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace {

// close_range(2), Linux 5.9; glibc has a wrapper from 2.34 on.
void closeBetween(unsigned first, unsigned last) {
  if (first <= last) ::syscall(SYS_close_range, first, last, 0);
}

// In the child of a process with threads only calls that are safe in a signal handler may be made (fork(2)), so what is
// to be kept comes sorted.
[[noreturn]] void hold(const std::vector<int>& kept, int lifeline) {
  unsigned next = 0;
  for (const int fd : kept) {
    closeBetween(next, static_cast<unsigned>(fd) - 1);
    next = static_cast<unsigned>(fd) + 1;
  }
  closeBetween(next, UINT_MAX);
  char byte = 0;
  while (::read(lifeline, &byte, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

}  // namespace

void Holders::take(std::vector<Connection>& connections) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("could not make a pipe");
  Fd wait(ends[0]);
  Fd lifeline(ends[1]);
  std::vector<int> kept{wait.get()};
  for (const auto& connection : connections) {
    kept.push_back(connection.client.get());
    kept.push_back(connection.server.get());
  }
  std::sort(kept.begin(), kept.end());
  const pid_t pid = ::fork();
  if (pid < 0) fail("could not fork a holder of sockets");
  // Descriptor 0 is never among them, so the gap below the first is never empty.
  if (pid == 0) hold(kept, wait.get());
  connections.clear();
  holders_.push_back(Holder{pid, std::move(lifeline)});
}

void Holders::close() {
  for (auto& holder : holders_) holder.lifeline.close();
  for (const auto& holder : holders_) {
    while (::waitpid(holder.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  holders_.clear();
}
