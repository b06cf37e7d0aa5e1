// netsoak-crowd: makes sockets and namespaces in the numbers that the figures of the collector ask for, and holds them until its input
// ends. One command a line on stdin, one JSON answer a line on stdout:
//
//   crowd sockets=N                          connections in this namespace until it holds N sockets, IPv4 and IPv6 by halves
//   spread namespaces=N sockets=K            named namespaces until there are N, the new ones with K sockets each
//   name                                     one more named namespace with two sockets; answers its name and when it was there
//   rooms namespaces=N                       more named namespaces, for `brief`
//   brief rate=R seconds=S file=PATH         R connections a second, each of one millisecond, in the rooms in turn; both ends are written
//                                            to PATH, a JSON line each
//
// More than a process may have of descriptors is spread over children. It never removes a name: its sandbox dies as a whole.
#include "connection.h"
#include "netns.h"
#include "rtnl.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace {

#ifndef SO_COOKIE
#define SO_COOKIE 57  // asm-generic/socket.h
#endif

// Two descriptors a connection, and RLIMIT_NOFILE is 20,000 on the machine this was made on.
constexpr std::uint64_t kConnectionsAChild = 5'000;
constexpr std::uint16_t kFirstPort = 10'000;

using Clock = std::chrono::steady_clock;

Family familyOf(std::uint64_t index) { return index % 2 == 1 ? Family::v6 : Family::v4; }

// Connections of both families in the thread's namespace, at rest. The listeners are gone afterwards.
std::vector<Connection> connectAll(std::uint64_t count, std::uint16_t port, Addresses& addresses) {
  const Fd four = listenOn(Family::v4, port);
  const Fd six = listenOn(Family::v6, port);
  std::vector<Connection> made;
  made.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Family family = familyOf(i);
    made.push_back(connectThrough(family == Family::v6 ? six : four, family, port, addresses));
    exchange(made.back(), 512 + i * 17 % 7919, 256 + i * 31 % 7907);
  }
  for (const auto& connection : made) waitQuiet(connection);
  return made;
}

class Crowd {
 public:
  std::string crowd(std::uint64_t sockets) {
    if (sockets_ == 0) {
      Rtnl here;
      here.loopbackUp();
      here.makePrefixesLocal();
    }
    while (sockets_ + 1 < sockets) {
      const std::uint64_t count = std::min(kConnectionsAChild, (sockets - sockets_) / 2);
      child(count);
      sockets_ += 2 * count;
    }
    return "{\"sockets\":" + std::to_string(sockets_) + "}";
  }

  std::string spread(std::uint64_t namespaces, std::uint64_t sockets) {
    while (names_ < namespaces) add(sockets / 2);
    return "{\"namespaces\":" + std::to_string(names_) + "}";
  }

  std::string name() {
    const std::string made = add(1);
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return "{\"name\":\"" + made + "\",\"atNs\":\"" + std::to_string(time.tv_sec * 1'000'000'000 + time.tv_nsec) + "\"}";
  }

  std::string rooms(std::uint64_t namespaces) {
    for (std::uint64_t i = 0; i < namespaces; ++i) {
      Room room;
      spaces_.create(nextName(), [&](const NamespaceId&) {
        room.fd = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        if (!room.fd) fail("could not open a namespace");
        for (const Family family : {Family::v4, Family::v6}) room.listeners[family == Family::v6] = listenOn(family, kFirstPort);
      });
      rooms_.push_back(std::move(room));
    }
    return "{\"rooms\":" + std::to_string(rooms_.size()) + "}";
  }

  std::string brief(std::uint64_t rate, std::uint64_t seconds, const std::string& path) {
    if (rooms_.empty() || rate == 0) throw Trouble("brief: there are no rooms yet, or no rate");
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "we"), std::fclose);
    if (!file) fail("could not write " + path);
    const std::uint64_t total = rate * seconds;
    const auto began = Clock::now();
    for (std::uint64_t i = 0; i < total; ++i) {
      const auto due = began + std::chrono::nanoseconds(1'000'000'000 * i / rate);
      std::this_thread::sleep_until(due);
      Room& room = rooms_[i % rooms_.size()];
      if (::setns(room.fd.get(), CLONE_NEWNET) != 0) fail("could not enter a namespace");
      const Family family = familyOf(i / rooms_.size());
      Connection connection = connectThrough(room.listeners[family == Family::v6], family, kFirstPort, addresses_);
      exchange(connection, 100 + i % 7919, 200 + i % 7907);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      note(file.get(), connection.client.get(), connection.up);
      note(file.get(), connection.server.get(), connection.down);
    }
    if (::setns(spaces_.home(), CLONE_NEWNET) != 0) fail("could not return home");
    const double took = std::chrono::duration<double>(Clock::now() - began).count();
    return "{\"connections\":" + std::to_string(total) + ",\"seconds\":" + std::to_string(took) + "}";
  }

 private:
  struct Room {
    Fd fd;
    Fd listeners[2];
  };

  static void note(std::FILE* file, int fd, std::uint64_t sent) {
    std::uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) fail("could not read SO_COOKIE");
    std::fprintf(file, "{\"cookie\":\"%llu\",\"sent\":%llu}\n", static_cast<unsigned long long>(cookie), static_cast<unsigned long long>(sent));
  }

  std::string nextName() {
    char number[24];
    std::snprintf(number, sizeof number, "crowd-%05llu", static_cast<unsigned long long>(names_++));
    return kNamePrefix + std::string(number);
  }

  std::string add(std::uint64_t connections) {
    const std::string name = nextName();
    spaces_.create(name, [&](const NamespaceId&) {
      if (connections == 0) return;
      for (auto& connection : connectAll(connections, kFirstPort, addresses_)) held_.push_back(std::move(connection));
    });
    return name;
  }

  // A child that holds so many connections and dies with us.
  void child(std::uint64_t count) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("could not make a pipe");
    Fd read(ends[0]);
    Fd write(ends[1]);
    const auto port = static_cast<std::uint16_t>(kFirstPort + children_++);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) fail("could not fork");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(3);
      try {
        const auto held = connectAll(count, port, addresses_);
        if (::write(write.get(), "+", 1) != 1) ::_exit(3);
        for (;;) ::pause();
      } catch (const Trouble& trouble) {
        std::fprintf(stderr, "netsoak-crowd: %s\n", trouble.what());
        ::_exit(3);
      }
    }
    write.close();
    char done = 0;
    while (::read(read.get(), &done, 1) < 0 && errno == EINTR) {
    }
    if (done != '+') throw Trouble("a child could not make its connections");
    // What the child took, the next one must not take again.
    for (std::uint64_t i = 0; i < 2 * count; ++i) {
      addresses_.next4();
      addresses_.next6();
    }
  }

  Namespaces spaces_{"/run/netns"};
  Addresses addresses_{Addresses::Half::steady};
  std::vector<Connection> held_;
  std::vector<Room> rooms_;
  std::uint64_t sockets_ = 0;
  std::uint64_t names_ = 0;
  std::uint16_t children_ = 0;
};

std::string obey(Crowd& crowd, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  std::map<std::string, std::string> values;
  for (std::string word; words >> word;) values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  const auto number = [&](const char* key) {
    const std::uint64_t value = std::strtoull(values[key].c_str(), nullptr, 10);
    if (value == 0 && values[key] != "0") throw Trouble(verb + ": " + key + " must be a number");
    return value;
  };
  if (verb == "crowd") return crowd.crowd(number("sockets"));
  if (verb == "spread") return crowd.spread(number("namespaces"), number("sockets"));
  if (verb == "name") return crowd.name();
  if (verb == "rooms") return crowd.rooms(number("namespaces"));
  if (verb == "brief") return crowd.brief(number("rate"), number("seconds"), values["file"]);
  throw Trouble("unknown command \"" + verb + "\"; there are crowd, spread, name, rooms and brief");
}

int serve() {
  try {
    Crowd crowd;
    for (std::string line; std::getline(std::cin, line);) {
      std::printf("%s\n", obey(crowd, line).c_str());
      std::fflush(stdout);
    }
    // Without the destructors: ten thousand descriptors close by themselves.
    std::_Exit(0);
  } catch (const Trouble& trouble) {
    std::fprintf(stderr, "netsoak-crowd: %s\n", trouble.what());
    std::_Exit(3);
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc != 1) {
    std::fputs("usage: netsoak-crowd < commands\n", stderr);
    return 64;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  // Namespaces are entered on a thread that is not the main one (see Namespaces::create).
  std::thread(serve).join();
  return 0;
}
