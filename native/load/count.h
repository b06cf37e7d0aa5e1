// Writes the cumulative counts to the ledger once a second while any namespace is alive, and once at the end.
#pragma once

#include "world.h"

#include <thread>

class CountTicker {
 public:
  explicit CountTicker(World& world);
  ~CountTicker();
  // Writes the counts as they stand now.
  void writeNow();

 private:
  void run();

  World& world_;
  Alarm alarm_;
  std::thread thread_;
};
