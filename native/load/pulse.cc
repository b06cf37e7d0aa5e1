#include "pulse.h"

void Pulse::join(Connection connection, const Lines& lines) {
  const std::lock_guard<std::mutex> hold(mutex_);
  world_.ledger.write(lines);
  connections_.push_back(std::move(connection));
}

void Pulse::start(std::chrono::milliseconds interval, std::uint64_t bytes) {
  if (running()) throw Trouble("pulse: it runs already; say stop-pulse first");
  alarm_ = std::make_unique<Alarm>();
  thread_ = std::thread([this, interval, bytes] { run(interval, bytes); });
}

void Pulse::stop() {
  if (!running()) return;
  alarm_->ring();
  thread_.join();
}

void Pulse::close() {
  const std::lock_guard<std::mutex> hold(mutex_);
  connections_.clear();
}

void Pulse::run(std::chrono::milliseconds interval, std::uint64_t bytes) {
  try {
    auto next = std::chrono::steady_clock::now();
    do {
      {
        const std::lock_guard<std::mutex> hold(mutex_);
        const std::uint64_t startedAt = realtimeNs();
        for (const auto& connection : connections_) sendBytes(connection.client.get(), bytes);
        for (const auto& connection : connections_) receiveBytes(connection.server.get(), bytes);
        Lines lines;
        lines.pulse(++round_, bytes, startedAt, realtimeNs());
        world_.ledger.write(lines);
      }
      next = std::max(next + interval, std::chrono::steady_clock::now());
    } while (!alarm_->waitUntil(next));
  } catch (const Trouble& trouble) {
    world_.fatal(trouble.what());
  }
}
