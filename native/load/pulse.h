// Connections whose counters move in step: each round every client sends so many bytes and its server reads them
// all. A row that lags behind a finished round was read before the poll it claims.
#pragma once

#include "world.h"

#include <memory>
#include <thread>
#include <vector>

class Pulse {
 public:
  explicit Pulse(World& world) : world_(world) {}
  ~Pulse() { stop(); }

  // Writes `lines`, which describe `connection`; it takes part in every round whose line comes after them.
  void join(Connection connection, const Lines& lines);
  void start(std::chrono::milliseconds interval, std::uint64_t bytes);
  void stop();
  bool running() const { return thread_.joinable(); }
  // Closes every pulse connection.
  void close();

 private:
  void run(std::chrono::milliseconds interval, std::uint64_t bytes);

  World& world_;
  std::mutex mutex_;
  std::vector<Connection> connections_;
  std::uint64_t round_ = 0;
  std::unique_ptr<Alarm> alarm_;
  std::thread thread_;
};
