#include "churn.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <net/if.h>

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFirstPort = 30'000;
constexpr std::uint64_t kPorts = 2'000;
constexpr auto kLook = 50ms;
constexpr auto kPinnedAfter = 2s;
constexpr auto kSuspiciousAfter = 1s;
constexpr auto kPatience = 10s;
// A subject that pins everything must not drown the ledger: the oldest tell enough.
constexpr std::size_t kReportsALook = 50;

// splitmix64 (Steele, Lea, Flood 2014): a sequence of its own for every seed, and small.
std::uint64_t nextRandom(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

void Churn::start(const ChurnSettings& settings) {
  if (running()) throw Trouble("churn: it runs already; say stop-churn first");
  links_ = std::make_unique<Rtnl>();
  random_ = world_.seed;
  alarm_ = std::make_unique<Alarm>();
  thread_ = std::thread([this, settings] { run(settings); });
}

std::uint64_t Churn::stop() {
  if (!running()) return 0;
  alarm_->ring();
  thread_.join();
  const std::uint64_t pinned = dying_.size();
  dying_.clear();
  links_.reset();
  return pinned;
}

void Churn::run(ChurnSettings settings) {
  try {
    try {
      auto tick = Clock::now();
      for (;;) {
        const auto now = Clock::now();
        if (now >= tick) {
          if (now - tick > settings.interval) ++world_.counters.late;
          add(settings);
          removeDue(Clock::now());
          tick += settings.interval;
        }
        watchDying();
        if (alarm_->waitUntil(dying_.empty() ? tick : std::min(tick, Clock::now() + kLook))) break;
      }
    } catch (const Trouble& trouble) {
      world_.fatal(std::string("churn: ") + trouble.what());
    }
    removeDue(Clock::time_point::max());
    const auto patience = Clock::now() + kPatience;
    while (!dying_.empty() && Clock::now() < patience) {
      watchDying();
      std::this_thread::sleep_for(kLook);
    }
  } catch (const Trouble& trouble) {
    world_.fatal(std::string("churn: ") + trouble.what());
  }
}

std::chrono::milliseconds Churn::drawLife(const ChurnSettings& settings) {
  const auto span = static_cast<std::uint64_t>((settings.maxLife - settings.minLife).count()) + 1;
  return settings.minLife + std::chrono::milliseconds(nextRandom(random_) % span);
}

void Churn::add(const ChurnSettings& settings) {
  auto space = std::make_unique<Living>();
  const std::uint64_t serial = serial_++;
  char name[48];
  std::snprintf(name, sizeof(name), "%sch-%07llu", kNamePrefix, static_cast<unsigned long long>(serial));
  char veth[IFNAMSIZ];
  std::snprintf(veth, sizeof(veth), "soakv%u", static_cast<unsigned>(serial % 1'000'000'000u));
  const auto portOf = [&](std::size_t slot) { return static_cast<std::uint16_t>(kFirstPort + (serial * 2 + slot) % kPorts); };

  Lines lines;
  space->id = world_.spaces.create(name, [&](const NamespaceId& id) {
    Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!here) fail("could not open a new namespace");
    links_->addVeth(veth, "eth0", here.get());
    lines.space(id, "churn");
    std::array<int, 2> listenerOf{-1, -1};
    for (std::uint64_t i = 0; i < settings.connections; ++i) {
      const std::size_t slot = (serial + i) % 2;
      const Family family = slot == 0 ? Family::v4 : Family::v6;
      if (listenerOf[slot] < 0) {
        listenerOf[slot] = static_cast<int>(space->listeners.size());
        space->listeners.push_back(listenOn(family, portOf(slot)));
        lines.listener(id, "churn", space->listeners.back().get());
      }
      Connection made = connectThrough(space->listeners[static_cast<std::size_t>(listenerOf[slot])], family, portOf(slot), addresses_);
      exchange(made, 300 + serial * 13 % 4093, 200 + serial * 29 % 4091);
      waitQuiet(made);
      lines.connection(id, "churn", made);
      space->connections.push_back(std::move(made));
    }
  });
  // The calling thread is home again, where the other end is.
  space->veth = static_cast<int>(::if_nametoindex(veth));
  if (space->veth == 0) fail(std::string("could not find the veth ") + veth);
  space->sockets = space->listeners.size() + 2 * space->connections.size();
  space->due = Clock::now() + drawLife(settings);
  ++world_.counters.adds;
  ++world_.counters.namespaces;
  world_.counters.sockets += space->sockets;
  living_.push_back(std::move(space));
  world_.ledger.write(lines);
}

void Churn::removeDue(Clock::time_point now) {
  const auto due = std::partition(living_.begin(), living_.end(), [now](const auto& space) { return space->due > now; });
  for (auto count = living_.end() - due; count > 0; --count) {
    remove(*living_.back());
    living_.pop_back();
  }
}

void Churn::remove(Living& space) {
  const std::uint64_t closingAt = realtimeNs();
  space.connections.clear();
  space.listeners.clear();
  Lines lines;
  lines.deleted(space.id, closingAt);
  world_.ledger.write(lines);
  world_.spaces.remove(space.id.name);
  const auto now = Clock::now();
  dying_.push_back({space.id, space.veth, now, now + kPinnedAfter, std::nullopt});
  ++world_.counters.deletes;
  --world_.counters.namespaces;
  world_.counters.sockets -= space.sockets;
}

Churn::Probe Churn::sendProbe() {
  char veth[IFNAMSIZ];
  std::snprintf(veth, sizeof(veth), "soakp%u", static_cast<unsigned>(probes_++ % 1'000'000'000u));
  world_.spaces.pass([&] {
    Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!here) fail("could not open a new namespace");
    links_->addVeth(veth, "eth0", here.get());
  });
  // 0 when it is gone already; no link has that number.
  return {static_cast<int>(::if_nametoindex(veth)), Clock::now()};
}

void Churn::watchProbe() {
  const auto now = Clock::now();
  if (probe_ && (probe_->veth == 0 || !links_->linkExists(probe_->veth))) {
    for (auto& space : dying_) {
      if (!space.heldSince && space.since <= probe_->released && links_->linkExists(space.veth)) space.heldSince = now;
    }
    probe_.reset();
  }
  const auto suspicious = [now](const Dying& space) { return !space.heldSince && now - space.since > kSuspiciousAfter; };
  if (!probe_ && std::any_of(dying_.begin(), dying_.end(), suspicious)) probe_ = sendProbe();
}

void Churn::watchDying() {
  watchProbe();
  Lines lines;
  std::size_t pinned = 0;
  for (auto it = dying_.begin(); it != dying_.end();) {
    const auto now = Clock::now();
    const std::chrono::duration<double> age = now - it->since;
    const bool isPinned = age > kPinnedAfter;
    const auto held = [&](double unknown) {
      return it->heldSince ? std::chrono::duration<double>(now - *it->heldSince).count() : unknown;
    };
    // A pinned one is looked at once a second: there may be thousands.
    if (isPinned && now < it->nextReport) {
      ++it;
      continue;
    }
    if (!links_->linkExists(it->veth)) {
      lines.fate(it->id, true, age.count(), held(0));
      it = dying_.erase(it);
      continue;
    }
    if (isPinned) {
      if (pinned++ < kReportsALook) lines.fate(it->id, false, age.count(), held(-1));
      it->nextReport += 1s;
    }
    ++it;
  }
  if (!lines.text().empty()) world_.ledger.write(lines);
}
