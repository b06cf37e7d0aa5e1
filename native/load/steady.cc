#include "steady.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sys/resource.h>

namespace {

// Below the ephemeral range (32768, net/ipv4/af_inet.c), three a namespace.
constexpr std::uint64_t kFirstPort = 10'000;
constexpr std::uint64_t kPorts = 20'000;
// Of namespaces of its own the load has the ports to itself; at home it keeps clear of those that others are given.
constexpr std::uint16_t kHomePort = 9'998;
constexpr std::uint64_t kHomeConnections = 3;
constexpr std::array<Family, 3> kFamilies{Family::v4, Family::v6, Family::mapped};

// Connections that come to rest at the same time: where the default congestion control paces, each takes milliseconds.
constexpr std::size_t kSettling = 64;

// Half IPv4, half IPv6; every third of the IPv4 ones reaches a dual-stack listener.
Family familyOf(std::uint64_t index) {
  if (index % 2 == 1) return Family::v6;
  return index % 6 == 2 ? Family::mapped : Family::v4;
}

// Connections of two descriptors each that this process keeps itself: the other half of its limit is for listeners, pulse and churn.
std::size_t mostInHand() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("could not read the limit of open files");
  return std::max<std::size_t>(1, std::min<rlim_t>(limit.rlim_cur, 1 << 20) / 4);
}

}  // namespace

void Steady::grow(std::uint64_t namespaces, std::uint64_t connections, const std::string& prefix) {
  if (!homeListener_) addHome();
  while (spaces_.size() < namespaces) {
    if (world_.stopping) throw Trouble("steady: interrupted");
    char number[24];
    std::snprintf(number, sizeof(number), "-%05llu", static_cast<unsigned long long>(spaces_.size()));
    add(kNamePrefix + prefix + number, connections);
  }
  Lines lines;
  lines.steadyReady(spaces_.size(), sockets_);
  world_.ledger.write(lines);
}

void Steady::addHome() {
  // How a subject calls it is its own affair.
  const NamespaceId id = namespaceHere("");
  Addresses addresses(Addresses::Half::home);
  Lines lines;
  lines.space(id, "home");
  Fd listener = listenOn(Family::v4, kHomePort);
  lines.listener(id, "steady", listener.get());
  for (std::uint64_t i = 0; i < kHomeConnections; ++i) {
    Connection made = connectThrough(listener, Family::v4, kHomePort, addresses);
    exchange(made, 512 + serial_ * 17 % 7919, 256 + serial_ * 31 % 7907);
    distinguish(made, serial_++);
    waitQuiet(made);
    lines.atRest(id, made);
    inHand_.push_back(std::move(made));
  }
  homeListener_ = std::move(listener);
  const std::uint64_t made = 1 + 2 * kHomeConnections;
  sockets_ += made;
  world_.counters.sockets += made;
  world_.ledger.write(lines);
}

void Steady::add(const std::string& name, std::uint64_t connections) {
  auto space = std::make_unique<Space>();
  const auto index = spaces_.size();
  const auto portOf = [&](Family family) {
    return static_cast<std::uint16_t>(kFirstPort + (index * 3 + static_cast<std::uint64_t>(family)) % kPorts);
  };
  Lines lines;
  Lines pulseLines;
  Connection pulse{};
  const auto connect = [&](Family family) {
    Connection made = connectThrough(space->listeners[static_cast<std::size_t>(family)], family, portOf(family), addresses_);
    // Counts that no neighbour has: both moduli are primes.
    exchange(made, 512 + serial_ * 17 % 7919, 256 + serial_ * 31 % 7907);
    // Now and then more than 16 bits hold, in parts that fit the buffers.
    for (int part = 0; serial_ % 16 == 3 && part < 5; ++part) exchange(made, 16'384, 16'384);
    distinguish(made, serial_++);
    return made;
  };
  const auto keep = [&](const NamespaceId& id, Connection made) {
    lines.atRest(id, made);
    inHand_.push_back(std::move(made));
    if (inHand_.size() >= mostInHand()) holders_.take(inHand_);
  };
  std::vector<Connection> settling;
  const auto settle = [&](const NamespaceId& id) {
    for (Connection& made : settling) {
      waitQuiet(made);
      keep(id, std::move(made));
    }
    settling.clear();
  };
  space->id = world_.spaces.create(name, [&](const NamespaceId& id) {
    lines.space(id, "steady");
    for (const Family family : kFamilies) {
      space->listeners.push_back(listenOn(family, portOf(family)));
      lines.listener(id, "steady", space->listeners.back().get());
    }
    for (std::uint64_t i = 0; i < connections; ++i) {
      Connection made = connect(familyOf(i));
      if (i % 4 == 1) leaveUnread(made, 1 + serial_ % 997);
      settling.push_back(std::move(made));
      if (settling.size() == kSettling) settle(id);
    }
    Connection half = connect(index % 2 == 0 ? Family::v6 : Family::v4);
    pulse = connect(index % 2 == 0 ? Family::v4 : Family::v6);
    settle(id);
    waitQuiet(half);
    halfClose(half);
    keep(id, std::move(half));
    waitQuiet(pulse);
    pulseLines.connection(id, "pulse", pulse);
  });
  const std::uint64_t made = space->listeners.size() + 2 * connections + 4;
  spaces_.push_back(std::move(space));
  sockets_ += made;
  world_.counters.sockets += made;
  ++world_.counters.namespaces;
  world_.ledger.write(lines);
  pulse_.join(std::move(pulse), pulseLines);
}

void Steady::close() {
  if (!homeListener_) return;
  Lines lines;
  lines.steadyClosing();
  world_.ledger.write(lines);
  pulse_.close();
  inHand_.clear();
  holders_.close();
  homeListener_.close();
  for (auto& space : spaces_) {
    space->listeners.clear();
    world_.spaces.remove(space->id.name);
  }
  world_.counters.namespaces -= spaces_.size();
  world_.counters.sockets -= sockets_;
  spaces_.clear();
  sockets_ = 0;
}
