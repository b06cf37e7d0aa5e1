// Reads one namespace: enter, socket, proof, dump, rows, leave. One NamespaceReader belongs to one worker thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "columns.h"
#include "cookie_set.h"
#include "decode.h"
#include "envelope.h"
#include "namespace.h"
#include "netlink.h"
#include "netns.h"
#include "sample.h"

namespace netsoak {

/** Order as STATUSES in index.ts. */
enum class Status : uint8_t { kOk, kGone, kUnenterable, kDenied, kError };

struct NamespaceResult {
  Status status = Status::kError;
  Step step = Step::kClosed;
  int error = 0;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  bool interrupted = false;
  uint64_t cookie = 0;
  std::unique_ptr<const std::string> detail;
};

class NamespaceReader : private DumpSink {
 public:
  /** @param writer of this worker; outlives the reader */
  NamespaceReader(EnvelopeWriter& writer, Format format, const Identity& identity, Query query, Sample sample);
  /**
   * Reads all TCP sockets of a namespace into the writer. Either every row is of that namespace or there is none.
   * The thread stays in it: the way home is for the end of a poll.
   */
  NamespaceResult read(const Namespace& task, uint64_t poll_id);
  /** False when there is no way back to the thread's own namespace: it must not idle, or it would keep the last one alive. */
  bool go_home() { return home_.leave() == 0; }
  Counts unknown;
  uint64_t duplicates = 0;
  /** Sockets that the sample left out. */
  uint64_t sampled_out = 0;
  /** Namespaces that said they hold no TCP socket, and were not dumped. */
  uint64_t skipped_empty = 0;
  /** What went wrong with dumps, also with those that a second one made good; keys as PollResult.faults in index.ts. */
  Counts faults;

 private:
  void read_inside(const Namespace& task, uint64_t poll_id, NamespaceResult& result);
  void received(int64_t timestamp) override;
  bool message(const uint8_t* payload, size_t length, bool interrupted) override;
  bool go_on_interrupted() override;
  bool add(const Row& row, bool interrupted);
  bool holds_nothing() const;
  int prove_in(const Namespace& task, int socket, uint64_t cookie) const;
  void count(const DumpOutcome& outcome);

  // A dump's messages are at most 32 KB (netlink_dump in net/netlink/af_netlink.c); twice that leaves room for a kernel that changes its mind.
  static constexpr size_t kReceiveBytes = 64 * 1024;

  EnvelopeWriter& writer_;
  const Query query_;
  const Sample sample_;
  const std::unique_ptr<uint8_t[]> buffer_{new uint8_t[kReceiveBytes]};
  Home home_;
  Columns columns_;
  Decoder decoder_;
  CookieSet seen_;
  uint32_t sequence_ = 0;

  /** The dump under way. */
  NamespaceId current_;
  EnvelopeWriter::Mark mark_{};
  bool may_retry_ = false;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
  uint64_t repeated_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace netsoak
