#include "count.h"

CountTicker::CountTicker(World& world) : world_(world), thread_([this] { run(); }) {}

CountTicker::~CountTicker() {
  alarm_.ring();
  thread_.join();
}

void CountTicker::writeNow() {
  const Counters& c = world_.counters;
  Lines lines;
  lines.count(c.adds, c.deletes, c.namespaces, c.sockets, c.late);
  world_.ledger.write(lines);
}

void CountTicker::run() {
  try {
    auto next = std::chrono::steady_clock::now();
    do {
      if (world_.counters.namespaces > 0) writeNow();
      next += std::chrono::seconds(1);
    } while (!alarm_.waitUntil(next));
  } catch (const Trouble& trouble) {
    world_.fatal(trouble.what());
  }
}
