// Connections that are over before anybody polls: made, used and closed at a pace, in one namespace of their own.
#pragma once

#include "connection.h"
#include "world.h"

#include <memory>
#include <thread>

class Brief {
 public:
  explicit Brief(World& world) : world_(world) {}
  ~Brief() { stop(); }

  // `after`: how long the namespace is there before its first connection, for a collector to find it. Throws Trouble when it
  // runs already.
  void start(std::uint64_t perSecond, std::chrono::milliseconds after);
  // Closes and removes what is left; how many connections there were since the start.
  std::uint64_t stop();
  bool running() const { return thread_.joinable(); }

 private:
  void run(std::uint64_t perSecond, std::chrono::milliseconds after);
  void connectAndClose(const NamespaceId& id, std::uint64_t perSecond, std::chrono::milliseconds after);

  World& world_;
  // Namespaces of former starts had other addresses; none is used twice.
  Addresses addresses_{Addresses::Half::churn};
  std::unique_ptr<Alarm> alarm_;
  std::thread thread_;
  std::atomic<std::uint64_t> made_{0};
  std::uint64_t starts_ = 0;
};
