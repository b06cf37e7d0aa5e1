// netsoak-readers HOW DIRECTORY: reads the TCP sockets of every namespace of a directory in one of the ways that were considered for
// netsoakd, once for each line on stdin, and prints what it took, one JSON line each. Receives and counts, nothing more.
//
//   worker, workers      one thread, two threads, as netsoakd does it: socket opened and closed in each poll, one dump for both families
//   cached               one thread, sockets kept open from poll to poll
//   two-dumps            one thread, IPv4 and IPv6 by a dump each
//   blocking             a thread for each namespace
//   uring                one thread, one io_uring for all namespaces
//
// Exits 0 at the end of its input, 64 for a wrong command line, 69 where the kernel refuses io_uring, 70 when a namespace can't be read.
#include "reader.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

std::uint64_t nanoseconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw);
}

std::uint64_t threads() {
  std::uint64_t count = 0;
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) die("/proc/self/task");
  while (const dirent* entry = ::readdir(tasks)) count += entry->d_name[0] != '.';
  ::closedir(tasks);
  return count;
}

std::uint64_t residentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) die("/proc/self/statm");
  unsigned long long size = 0, resident = 0;
  if (std::fscanf(file, "%llu %llu", &size, &resident) != 2) die("/proc/self/statm");
  std::fclose(file);
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::unique_ptr<Reader> make(const std::string& how, const std::string& directory) {
  std::vector<std::string> spaces = listSpaces(directory);
  if (how == "worker") return makePool(std::move(spaces), 1, Sockets::reopened, Families::together);
  if (how == "workers") return makePool(std::move(spaces), 2, Sockets::reopened, Families::together);
  if (how == "cached") return makePool(std::move(spaces), 1, Sockets::cached, Families::together);
  if (how == "two-dumps") return makePool(std::move(spaces), 1, Sockets::reopened, Families::apart);
  if (how == "blocking") return makeBlocking(std::move(spaces));
  if (how == "uring") return makeUring(std::move(spaces));
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const std::unique_ptr<Reader> reader = argc == 3 ? make(argv[1], argv[2]) : nullptr;
  if (!reader) {
    std::fputs("usage: netsoak-readers worker|workers|cached|two-dumps|blocking|uring DIRECTORY\n", stderr);
    return 64;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const std::uint64_t switched = switches();
    const std::uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const std::uint64_t wall = nanoseconds(CLOCK_MONOTONIC);
    const Tally tally = reader->poll();
    const std::uint64_t wallEnd = nanoseconds(CLOCK_MONOTONIC);
    const std::uint64_t cpuEnd = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    std::printf(
        "{\"cpuNs\":%llu,\"wallNs\":%llu,\"switches\":%llu,\"threads\":%llu,\"rssBytes\":%llu,\"rows\":%llu,\"receives\":%llu,\"bytes\":%llu}\n",
        static_cast<unsigned long long>(cpuEnd - cpu), static_cast<unsigned long long>(wallEnd - wall),
        static_cast<unsigned long long>(switches() - switched), static_cast<unsigned long long>(threads()),
        static_cast<unsigned long long>(residentBytes()), static_cast<unsigned long long>(tally.rows),
        static_cast<unsigned long long>(tally.receives), static_cast<unsigned long long>(tally.bytes));
    std::fflush(stdout);
  }
  // Threads that sleep in namespaces need no farewell.
  std::_Exit(0);
}
