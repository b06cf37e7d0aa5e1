// netsoak-load --ledger PATH --seed N [--netns-dir /run/netns]: makes the namespaces and connections of a soak and
// writes down what it made. One command a line on stdin, one JSON answer a line on stdout:
//
//   steady namespaces=N connections=C [prefix=st]
//   pulse interval_ms=I bytes=B            stop-pulse
//   churn interval_ms=I min_ms=A max_ms=B connections=K      stop-churn
//   brief per_second=R after_ms=A      stop-brief
//   tell LINE               a ledger line of somebody else's (netsoak-contained), passed on as it is; no answer
//   quit
//
// EOF, `quit`, SIGTERM and SIGINT end it in order: everything it made is gone when it exits with 0. It exits with 3
// when the load itself could not go on, 64 for a wrong command line.
#include "brief.h"
#include "churn.h"
#include "count.h"
#include "pulse.h"
#include "steady.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

namespace {

struct Options {
  std::string ledger;
  std::string netnsDir = "/run/netns";
  std::uint64_t seed = 0;
};

std::optional<std::uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

std::optional<Options> parseOptions(int argc, char** argv) {
  Options out;
  bool seeded = false;
  if (argc % 2 == 0) return std::nullopt;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    const std::string value = argv[i + 1];
    if (key == "--ledger") out.ledger = value;
    else if (key == "--netns-dir" && value.rfind('/', 0) == 0) out.netnsDir = value;
    else if (key == "--seed" && number(value)) {
      out.seed = *number(value);
      seeded = true;
    } else return std::nullopt;
  }
  if (out.ledger.empty() || !seeded) return std::nullopt;
  return out;
}

// A command with its arguments; every one must be asked for, once.
class Command {
 public:
  explicit Command(const std::string& line) {
    std::istringstream words(line);
    words >> verb_;
    for (std::string word; words >> word;) {
      const auto split = word.find('=');
      if (split == std::string::npos) throw Trouble(verb_ + ": \"" + word + "\" is not key=value");
      values_[word.substr(0, split)] = word.substr(split + 1);
    }
  }

  const std::string& verb() const { return verb_; }

  std::uint64_t count(const std::string& key, std::uint64_t least, std::uint64_t most) {
    const auto value = number(take(key, ""));
    if (!value || *value < least || *value > most) {
      throw Trouble(verb_ + ": " + key + " must be a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return *value;
  }

  std::string word(const std::string& key, const std::string& fallback) {
    const std::string value = take(key, fallback);
    if (value.empty() || value.size() > 16 || value.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos) {
      throw Trouble(verb_ + ": " + key + " must be 1 to 16 small letters and digits");
    }
    return value;
  }

  void finish() const {
    if (!values_.empty()) throw Trouble(verb_ + ": unknown argument " + values_.begin()->first);
  }

 private:
  std::string take(const std::string& key, const std::string& fallback) {
    const auto found = values_.find(key);
    if (found == values_.end()) return fallback;
    std::string value = found->second;
    values_.erase(found);
    return value;
  }

  std::string verb_;
  std::map<std::string, std::string> values_;
};

void answer(const std::string& json) {
  std::printf("%s\n", json.c_str());
  std::fflush(stdout);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

class Program {
 public:
  explicit Program(const Options& options)
      : ledger_(options.ledger),
        spaces_(options.netnsDir),
        wake_(::eventfd(0, EFD_CLOEXEC)),
        world_{spaces_, ledger_, counters_, options.seed, stopping_, [this](const std::string& why) { giveUp(why); }},
        counting_(world_),
        pulse_(world_),
        steady_(world_, pulse_),
        churn_(world_),
        brief_(world_) {
    if (!wake_) fail("could not make an eventfd");
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    signals_ = Fd(::signalfd(-1, &ends, SFD_CLOEXEC));
    if (!signals_) fail("could not make a signalfd");
  }

  int run() {
    std::string line;
    while (nextLine(line)) {
      if (line.empty()) continue;
      if (line == "quit") break;
      if (line.rfind("tell ", 0) == 0) {
        Lines told;
        told.raw(line.substr(5));
        ledger_.write(told);
        continue;
      }
      try {
        Command command(line);
        answer(execute(command));
      } catch (const Trouble& trouble) {
        answer("{\"error\":" + quoted(trouble.what()) + "}");
      }
    }
    stopping_ = true;
    churn_.stop();
    brief_.stop();
    pulse_.stop();
    try {
      steady_.close();
      counting_.writeNow();
    } catch (const Trouble& trouble) {
      giveUp(trouble.what());
    }
    if (line == "quit") answer(R"({"done":"quit"})");
    return failed_ ? 3 : 0;
  }

 private:
  // A command line from stdin; false at its end, on a signal, and when the load can't go on.
  bool nextLine(std::string& line) {
    for (;;) {
      const auto end = input_.find('\n');
      if (end != std::string::npos) {
        line = input_.substr(0, end);
        input_.erase(0, end + 1);
        return true;
      }
      line.clear();
      if (wait(STDIN_FILENO) == false) return false;
      char chunk[4096];
      const ssize_t got = ::read(STDIN_FILENO, chunk, sizeof(chunk));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      input_.append(chunk, static_cast<std::size_t>(got));
    }
  }

  // True when `fd` is readable, false when the program is to end.
  bool wait(int fd) {
    pollfd watched[3] = {{fd, POLLIN, 0}, {signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (::poll(watched, 3, -1) < 0) {
      if (errno != EINTR) fail("could not poll");
    }
    return watched[1].revents == 0 && watched[2].revents == 0;
  }

  std::string execute(Command& command) {
    const std::string& verb = command.verb();
    if (verb == "steady") return grow(command);
    if (verb == "pulse") {
      const auto interval = command.count("interval_ms", 10, 3'600'000);
      // One segment in flight must fit every socket buffer: nothing reads until all clients have sent.
      const auto bytes = command.count("bytes", 1, 16'384);
      command.finish();
      pulse_.start(std::chrono::milliseconds(interval), bytes);
      return R"({"done":"pulse"})";
    }
    if (verb == "stop-pulse") {
      command.finish();
      pulse_.stop();
      return R"({"done":"stop-pulse"})";
    }
    if (verb == "churn") {
      ChurnSettings settings{};
      settings.interval = std::chrono::milliseconds(command.count("interval_ms", 1, 3'600'000));
      settings.minLife = std::chrono::milliseconds(command.count("min_ms", 0, 86'400'000));
      settings.maxLife = std::chrono::milliseconds(command.count("max_ms", 0, 86'400'000));
      settings.connections = command.count("connections", 1, 1'000);
      command.finish();
      if (settings.maxLife < settings.minLife) throw Trouble("churn: max_ms must not be below min_ms");
      churn_.start(settings);
      return R"({"done":"churn"})";
    }
    if (verb == "stop-churn") {
      command.finish();
      const std::uint64_t pinned = churn_.stop();
      counting_.writeNow();
      return "{\"done\":\"stop-churn\",\"adds\":" + std::to_string(counters_.adds) + ",\"deletes\":" + std::to_string(counters_.deletes) +
             ",\"pinned\":" + std::to_string(pinned) + "}";
    }
    if (verb == "brief") {
      const auto perSecond = command.count("per_second", 1, 10'000);
      const std::chrono::milliseconds after(command.count("after_ms", 0, 3'600'000));
      command.finish();
      brief_.start(perSecond, after);
      return R"({"done":"brief"})";
    }
    if (verb == "stop-brief") {
      command.finish();
      return "{\"done\":\"stop-brief\",\"connections\":" + std::to_string(brief_.stop()) + "}";
    }
    throw Trouble("unknown command \"" + verb + "\"; there are steady, pulse, stop-pulse, churn, stop-churn, brief, stop-brief and quit");
  }

  std::string grow(Command& command) {
    const auto namespaces = command.count("namespaces", 1, 60'000);
    const auto connections = command.count("connections", 0, 100'000);
    const auto prefix = command.word("prefix", "st");
    command.finish();
    std::string trouble;
    const Fd done(::eventfd(0, EFD_CLOEXEC));
    if (!done) fail("could not make an eventfd");
    std::thread builder([&] {
      try {
        steady_.grow(namespaces, connections, prefix);
      } catch (const Trouble& caught) {
        trouble = caught.what();
      }
      ring(done);
    });
    // The signal stays pending: nextLine sees it again.
    if (!wait(done.get())) stopping_ = true;
    builder.join();
    if (!trouble.empty()) throw Trouble(trouble);
    return "{\"done\":\"steady\",\"namespaces\":" + std::to_string(steady_.namespaces()) +
           ",\"sockets\":" + std::to_string(steady_.sockets()) + "}";
  }

  static void ring(const Fd& event) {
    const std::uint64_t one = 1;
    if (::write(event.get(), &one, sizeof(one)) != sizeof(one)) std::abort();
  }

  void giveUp(const std::string& why) {
    std::fprintf(stderr, "netsoak-load: %s\n", why.c_str());
    failed_ = true;
    stopping_ = true;
    ring(wake_);
  }

  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  Counters counters_;
  Ledger ledger_;
  Namespaces spaces_;
  Fd wake_;
  Fd signals_;
  World world_;
  CountTicker counting_;
  Pulse pulse_;
  Steady steady_;
  Churn churn_;
  Brief brief_;
  std::string input_;
};

// Two descriptors a connection: the soft limit is rarely enough.
void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parseOptions(argc, argv);
  if (!options) {
    std::fputs("usage: netsoak-load --ledger PATH --seed N [--netns-dir /ABSOLUTE/PATH]\n", stderr);
    return 64;
  }
  std::signal(SIGPIPE, SIG_IGN);
  // Before the first thread, so that all inherit it: signals are read from a signalfd.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  raiseDescriptorLimit();
  try {
    return Program(*options).run();
  } catch (const Trouble& trouble) {
    std::fprintf(stderr, "netsoak-load: %s\n", trouble.what());
    return 3;
  }
}
