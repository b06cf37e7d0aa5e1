// netsoak-contained ID CONNECTIONS SERIAL: the load inside one container. Makes connections in the network namespace that it was
// started in, writes the ledger's lines of them to standard output, and keeps them until SIGTERM; then it closes them, says so, and exits 0.
// SERIAL sets its addresses and byte counts apart from those of other containers.
#include "connection.h"
#include "ledger.h"
#include "netns.h"
#include "rtnl.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::uint16_t kFirstPort = 8'000;
constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};
// Addresses of a container: far more than two for each of its connections.
constexpr std::uint64_t kAddresses = 4'096;

void write(const Lines& lines) {
  std::fwrite(lines.text().data(), 1, lines.text().size(), stdout);
  std::fflush(stdout);
}

void run(const std::string& name, std::uint64_t connections, std::uint64_t serial, const sigset_t& ends) {
  const NamespaceId id = namespaceHere(name);
  {
    Rtnl here;
    here.loopbackUp();
    here.makePrefixesLocal();
  }
  Addresses addresses(Addresses::Half::churn, serial * kAddresses);
  Lines lines;
  lines.space(id, "churn", name);
  std::array<Fd, kFamilies.size()> listeners;
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    listeners[i] = listenOn(kFamilies[i], kFirstPort + static_cast<std::uint16_t>(i));
    lines.listener(id, "churn", listeners[i].get());
  }
  std::vector<Connection> kept;
  for (std::uint64_t i = 0; i < connections; ++i) {
    const std::size_t slot = i % kFamilies.size();
    kept.push_back(connectThrough(listeners[slot], kFamilies[slot], kFirstPort + static_cast<std::uint16_t>(slot), addresses));
    exchange(kept.back(), 400 + (serial * connections + i) * 13 % 4093, 300 + (serial * connections + i) * 29 % 4091);
    distinguish(kept.back(), serial * connections + i);
    waitQuiet(kept.back());
    lines.connection(id, "churn", kept.back());
  }
  write(lines);
  int signal = 0;
  ::sigwait(&ends, &signal);
  const std::uint64_t closingAt = realtimeNs();
  kept.clear();
  for (auto& listener : listeners) listener.close();
  Lines over;
  over.deleted(id, closingAt);
  write(over);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: netsoak-contained ID CONNECTIONS SERIAL\n", stderr);
    return 64;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  try {
    run(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10), ends);
    return 0;
  } catch (const Trouble& trouble) {
    std::fprintf(stderr, "netsoak-contained: %s\n", trouble.what());
    return 3;
  }
}
