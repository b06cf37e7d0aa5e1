#include "capabilities.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <set>

namespace netsoak {
namespace {

// capset(2) and prctl(2) speak of the calling thread alone, and a process of Node has ten of them before our first line runs: each must do it
// itself, in a signal handler. The signal is the one that glibc has for the same purpose (setuid(2) of all threads): no sigmask blocks it,
// whatever the thread has asked for, so Node's and V8's threads hear it too. Its own handler is put back.
constexpr int kSignal = 33;
constexpr int kPatienceMs = 2000;

std::atomic<uint64_t> g_keep{0};
std::atomic<int> g_done{0};
std::atomic<int> g_errno{0};

/** rt_sigaction(2) with the kernel's own idea of an action: glibc refuses its internal signals. */
struct KernelAction {
  unsigned char bytes[64];
};
int kernel_action(int signal, const KernelAction* action, KernelAction* before) {
  return static_cast<int>(syscall(SYS_rt_sigaction, signal, action, before, 8));
}

int keep_in_this_thread(uint64_t keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return errno;
  const uint64_t permitted = data[0].permitted | uint64_t{data[1].permitted} << 32;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Only who has CAP_SETPCAP may, and only who can get it back by an exec needs to. EINVAL: the kernel knows no such capability.
  for (int capability = 0; capability < 64; capability++) {
    if ((keep >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  const uint64_t left = permitted & keep;
  for (int half = 0; half < 2; half++) {
    data[half].permitted = data[half].effective = static_cast<uint32_t>(left >> 32 * half);
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return errno;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

void on_signal(int) {
  const int interrupted = errno;
  if (const int error = keep_in_this_thread(g_keep)) g_errno = error;
  g_done++;
  errno = interrupted;
}

/** Threads of this process that are not in `known`. */
std::set<pid_t> others(const std::set<pid_t>& known) {
  std::set<pid_t> found;
  DIR* const directory = opendir("/proc/self/task");
  if (directory == nullptr) return found;
  while (const dirent* const entry = readdir(directory)) {
    const auto thread = static_cast<pid_t>(atoi(entry->d_name));
    if (thread > 0 && known.count(thread) == 0) found.insert(thread);
  }
  closedir(directory);
  return found;
}

/** Whether so many handlers have run in time. */
bool await(int handlers) {
  const timespec pause{0, 1'000'000};
  for (int waited = 0; g_done < handlers; waited++) {
    if (waited == kPatienceMs) return false;
    nanosleep(&pause, nullptr);
  }
  return true;
}

int in_all_threads() {
  std::set<pid_t> done{static_cast<pid_t>(syscall(SYS_gettid))};
  if (const int error = keep_in_this_thread(g_keep)) return error;
  // A thread that started meanwhile may have been made by one that had not given up yet.
  for (std::set<pid_t> left = others(done); !left.empty(); left = others(done)) {
    int asked = g_done;
    for (const pid_t thread : left) {
      if (syscall(SYS_tgkill, getpid(), thread, kSignal) == 0) asked++;
      else if (errno != ESRCH) return errno;
      done.insert(thread);
    }
    if (!await(asked)) return ETIMEDOUT;
  }
  return g_errno;
}

}  // namespace

int keep_capabilities(uint64_t keep) {
  g_keep = keep;
  g_errno = 0;
  // glibc knows what its kernel wants of an action (a restorer, on some machines): have it make one for another signal and take a copy.
  struct sigaction action {}, before {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  if (sigaction(SIGRTMAX, &action, &before) != 0) return errno;
  KernelAction ours{}, theirs{};
  int error = kernel_action(SIGRTMAX, nullptr, &ours) == 0 && kernel_action(kSignal, &ours, &theirs) == 0 ? 0 : errno;
  sigaction(SIGRTMAX, &before, nullptr);
  if (error != 0) return error;
  error = in_all_threads();
  // A thread that did not hear in time must not meet glibc's handler, which would take our signal for its own.
  if (error != ETIMEDOUT) kernel_action(kSignal, &theirs, nullptr);
  return error;
}

}  // namespace netsoak
