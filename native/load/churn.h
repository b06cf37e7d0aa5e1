// Namespaces that come and go at a pace: one is added each interval and lives for a time drawn from the seed. A
// veth pair ties each to the parent, so that the moment of its death can be seen from there: its peer vanishes.
#pragma once

#include "world.h"

#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

struct ChurnSettings {
  std::chrono::milliseconds interval;
  std::chrono::milliseconds minLife;
  std::chrono::milliseconds maxLife;
  std::uint64_t connections;
};

class Churn {
 public:
  explicit Churn(World& world) : world_(world) {}
  ~Churn() { stop(); }

  void start(const ChurnSettings& settings);
  // Adds no more, deletes the rest, waits up to 10 s until all are gone; returns how many are still pinned then.
  std::uint64_t stop();
  bool running() const { return thread_.joinable(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Living {
    NamespaceId id;
    int veth = 0;
    std::vector<Fd> listeners;
    std::vector<Connection> connections;
    std::uint64_t sockets = 0;
    Clock::time_point due;
  };
  struct Dying {
    NamespaceId id;
    int veth;
    Clock::time_point since;
    Clock::time_point nextReport;
    // Since then somebody is known to hold it.
    std::optional<Clock::time_point> heldSince;
  };
  // A namespace that nobody can hold, let go of after those that are suspicious. The kernel destroys namespaces in the order in which they were
  // let go of, all of the machine's in one queue; so whoever outlives this one is held, and waits for no other program's.
  struct Probe {
    int veth;
    Clock::time_point released;
  };

  void run(ChurnSettings settings);
  void add(const ChurnSettings& settings);
  void remove(Living& space);
  void removeDue(Clock::time_point now);
  void watchDying();
  void watchProbe();
  Probe sendProbe();
  std::chrono::milliseconds drawLife(const ChurnSettings& settings);

  World& world_;
  Addresses addresses_{Addresses::Half::churn};
  std::unique_ptr<Rtnl> links_;
  std::vector<std::unique_ptr<Living>> living_;
  std::deque<Dying> dying_;
  std::optional<Probe> probe_;
  std::uint64_t serial_ = 0;
  std::uint64_t probes_ = 0;
  std::uint64_t random_ = 0;
  std::unique_ptr<Alarm> alarm_;
  std::thread thread_;
};
