// What the load made, one JSON object a line (harness/facts/ledger.ts): the ground truth that rows are held against.
#pragma once

#include "connection.h"
#include "netns.h"
#include "sink.h"

#include <cstdint>
#include <mutex>
#include <string>

// CLOCK_REALTIME in nanoseconds: the clock of the collector's rows.
std::uint64_t realtimeNs();

// Lines that will be written together.
class Lines {
 public:
  // `container`: id of the container that lives in it, empty when none does.
  void space(const NamespaceId& id, const char* role, const std::string& container = "");
  // Reads addresses and cookie from the socket itself.
  void listener(const NamespaceId& id, const char* role, int fd);
  void connection(const NamespaceId& id, const char* role, const Connection& connection);
  // A steady one that is at rest (waitQuiet) and will not be touched again.
  void atRest(const NamespaceId& id, const Connection& connection);
  // A line that is one already.
  void raw(const std::string& line) { text_.append(line).push_back('\n'); }
  void steadyReady(std::uint64_t namespaces, std::uint64_t sockets);
  void steadyClosing();
  void pulse(std::uint64_t round, std::uint64_t bytes, std::uint64_t startedAt, std::uint64_t doneAt);
  // `closingAt`: just before the first of its sockets was closed.
  void deleted(const NamespaceId& id, std::uint64_t closingAt);
  // `heldSeconds` below 0: not known yet.
  void fate(const NamespaceId& id, bool gone, double afterSeconds, double heldSeconds);
  void count(std::uint64_t adds, std::uint64_t deletes, std::uint64_t namespaces, std::uint64_t sockets, std::uint64_t late);

  const std::string& text() const { return text_; }

 private:
  // `client` and `server`: members of the lines of both ends, with the comma before them.
  void ends(const NamespaceId& id, const char* role, const Connection& connection, const std::string& client, const std::string& server);
  // `state` of net/tcp_states.h, 0 for the one that such an end usually has.
  void socket(const NamespaceId& id, const char* role, const char* end, int fd, std::uint64_t sent, std::uint64_t received,
              std::uint64_t unread, int state = 0, const std::string& figures = "");
  void add(const char* format, ...) __attribute__((format(printf, 2, 3)));

  std::string text_;
};

class Ledger {
 public:
  explicit Ledger(const std::string& path) : sink_(path) {}

  // Thread-safe; lines of one call stay together. Throws Trouble once, when the reader is gone; what comes after
  // that is dropped, so that cleaning up goes on.
  void write(const Lines& lines) {
    const std::lock_guard<std::mutex> hold(mutex_);
    if (broken_) return;
    broken_ = true;
    sink_.write(lines.text().data(), lines.text().size());
    broken_ = false;
  }

 private:
  std::mutex mutex_;
  bool broken_ = false;
  Sink sink_;
};
