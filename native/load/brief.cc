#include "brief.h"

#include <algorithm>
#include <array>

namespace {

constexpr std::uint16_t kFirstPort = 9'000;
constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};
// Lines are handed over together: one write for each connection would cost more than the connection.
constexpr auto kTellEvery = std::chrono::milliseconds(100);

}  // namespace

void Brief::start(std::uint64_t perSecond, std::chrono::milliseconds after) {
  if (running()) throw Trouble("brief: it runs already; say stop-brief first");
  alarm_ = std::make_unique<Alarm>();
  made_ = 0;
  thread_ = std::thread([this, perSecond, after] { run(perSecond, after); });
}

std::uint64_t Brief::stop() {
  if (!running()) return made_;
  alarm_->ring();
  thread_.join();
  return made_;
}

void Brief::run(std::uint64_t perSecond, std::chrono::milliseconds after) {
  const std::string name = std::string(kNamePrefix) + "bf-" + std::to_string(starts_++);
  try {
    world_.spaces.create(name, [&](const NamespaceId& id) {
      Lines lines;
      lines.space(id, "brief");
      world_.ledger.write(lines);
      connectAndClose(id, perSecond, after);
    });
    world_.spaces.remove(name);
  } catch (const Trouble& trouble) {
    world_.fatal(std::string("brief: ") + trouble.what());
  }
}

void Brief::connectAndClose(const NamespaceId& id, std::uint64_t perSecond, std::chrono::milliseconds after) {
  std::array<Fd, kFamilies.size()> listeners;
  for (std::size_t i = 0; i < kFamilies.size(); ++i) listeners[i] = listenOn(kFamilies[i], kFirstPort + static_cast<std::uint16_t>(i));
  if (alarm_->waitUntil(std::chrono::steady_clock::now() + after)) return;
  const auto pace = std::chrono::nanoseconds(1'000'000'000 / perSecond);
  auto next = std::chrono::steady_clock::now();
  auto tellAt = next + kTellEvery;
  Lines lines;
  do {
    const std::uint64_t serial = made_++;
    const std::size_t slot = serial % kFamilies.size();
    {
      Connection made = connectThrough(listeners[slot], kFamilies[slot], kFirstPort + static_cast<std::uint16_t>(slot), addresses_);
      exchange(made, 100 + serial * 13 % 997, 50 + serial * 29 % 991);
      distinguish(made, serial);
      lines.connection(id, "brief", made);
    }
    const auto now = std::chrono::steady_clock::now();
    if (now >= tellAt) {
      // A line promises a socket that is closed.
      world_.ledger.write(lines);
      lines = Lines();
      tellAt = now + kTellEvery;
    }
    if (now > next + pace) ++world_.counters.late;
    next = std::max(next + pace, now);
  } while (!alarm_->waitUntil(next));
  world_.ledger.write(lines);
}
