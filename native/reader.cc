#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utility>

#include "mutants.h"

namespace netsoak {
namespace {

/** A dump is asked for at most so often: once more when messages were lost or the table changed under it. */
constexpr int kAttempts = 2;

bool is_denied(int error) { return error == EPERM || error == EACCES; }

Status open_status(int error) {
  if (error == ENOENT || error == ENOTDIR || error == ESRCH) return Status::kGone;
  return is_denied(error) ? Status::kDenied : Status::kError;
}

/** The number after ` KEY ` in the line that starts with `line`; 0 when there is none. */
uint64_t statistic(const char* text, const char* line, const char* key) {
  const char* at = strstr(text, line);
  if (at == nullptr) return 0;
  const char* const end = strchrnul(at, '\n');
  at = strstr(at, key);
  return at == nullptr || at > end ? 0 : strtoull(at + strlen(key), nullptr, 10);
}

/** False when the file can't be read. */
bool read_statistics(const char* path, char* text, size_t size) {
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t got = file.open() ? read(file.get(), text, size - 1) : -1;
  text[got < 0 ? 0 : got] = '\0';
  return got > 0;
}

/** Of linux/tcp_states.h: sockets that are bound and nothing else stand in no statistic. */
constexpr uint32_t kBoundInactive = 1 << 13;

const char* fault_of(const DumpOutcome& outcome) {
  switch (outcome.step) {
    case Step::kSend:
      return "send";
    case Step::kNetlink:
      return "refused";
    case Step::kClosed:
      return "closed";
    default:
      break;
  }
  switch (outcome.error) {
    case ENOBUFS:
      return "lost";
    case EMSGSIZE:
      return "truncated";
    case EBADMSG:
      return "malformed";
    case ETIMEDOUT:
      return "silent";
    default:
      return "receive";
  }
}

void fail(NamespaceResult& result, Status status, Step step, int error) {
  result.status = status;
  result.step = step;
  result.error = error;
}

}  // namespace

NamespaceReader::NamespaceReader(EnvelopeWriter& writer, Format format, const Identity& identity, Query query, Sample sample)
    : writer_(writer), query_(std::move(query)), sample_(sample), columns_(format) {
  columns_.set_identity(identity);
}

NamespaceResult NamespaceReader::read(const Namespace& task, uint64_t poll_id) {
  NamespaceResult result;
  if (!home_.known()) {
    fail(result, Status::kError, Step::kOpen, home_.error());
    return result;
  }
  const Fd fd = open_namespace(task.path);
  NamespaceId found;
  if (!fd.open()) {
    fail(result, open_status(errno), Step::kOpen, errno);
  } else if (!identify(fd.get(), found)) {
    fail(result, Status::kError, Step::kOpen, errno);
  } else if (found != task.id) {
    // The path stands for another namespace by now: reading it would file its sockets under the old name.
    fail(result, Status::kGone, Step::kOpen, 0);
  } else {
    mutants::entering(fd.get(), task.id);
    const int error = home_.enter(fd.get(), task.id);
    if (error != 0) {
      fail(result, is_denied(error) ? Status::kDenied : Status::kUnenterable, Step::kSetns, error);
    } else {
      if (!task.seen.populated && holds_nothing()) {
        result.status = Status::kOk;
        result.step = Step::kNone;
        skipped_empty++;
      } else {
        read_inside(task, poll_id, result);
        task.seen.populated = result.rows > 0;
      }
    }
  }
  return result;
}

void NamespaceReader::read_inside(const Namespace& task, uint64_t poll_id, NamespaceResult& result) {
  for (int attempt = 1; attempt <= kAttempts; attempt++) {
    // A new socket for each attempt: on the old one the failed dump may still be running (EBUSY) or have messages queued.
    const Fd socket(open_diag_socket());
    if (!socket.open()) return fail(result, Status::kError, Step::kSocket, errno);
    result.cookie = namespace_cookie(socket.get());
    const int proof = prove_in(task, socket.get(), result.cookie);
    if (proof != 0) return fail(result, Status::kUnenterable, Step::kProof, proof);

    NamespaceColumns columns{task.name, task.id.inode, task.container_id, task.container_runtime, result.cookie, task.generation};
    mutants::naming(columns);
    columns_.set_namespace(columns, poll_id, Kind::kPoll);
    current_ = task.id;
    seen_.clear();
    rows_ = bytes_ = repeated_ = left_out_ = 0;
    mark_ = writer_.mark();
    may_retry_ = attempt < kAttempts;
    DumpOutcome outcome;
    if (!mutants::replay(task.id, *this)) outcome = dump(socket.get(), query_, ++sequence_, buffer_.get(), kReceiveBytes, *this);

    count(outcome);
    // Rows already handed on can't be taken back, and a second dump would repeat them: then what there is stands, and the
    // result says that it is not whole.
    if (outcome.worth_retrying && may_retry_ && writer_.rollback(mark_)) continue;
    decoder_.drain_unknown(unknown);
    duplicates += repeated_;
    sampled_out += left_out_;
    result.rows = rows_;
    result.bytes = bytes_;
    result.interrupted = outcome.interrupted;
    if (!outcome.detail.empty()) result.detail = std::make_unique<const std::string>(std::move(outcome.detail));
    fail(result, outcome.step == Step::kNone ? Status::kOk : is_denied(outcome.error) ? Status::kDenied : Status::kError, outcome.step,
         outcome.error);
    return;
  }
}

/** As prove(). A cookie is never reused: a socket that has that of a socket which was proven to be in this namespace is in it too. */
int NamespaceReader::prove_in(const Namespace& task, int socket, uint64_t cookie) const {
  if (cookie != 0 && cookie == task.seen.proven) return 0;
  const int proof = prove(socket, task.id);
  if (proof == 0) task.seen.proven = cookie;
  return proof;
}

/**
 * Whether the namespace that this thread stands in has no TCP socket, by its own statistics: 16 to 24 us, a dump 180 us and more. Sockets in use
 * (listeners and those without an owner too) and in TIME-WAIT are all that a dump tells; a request in SYN-RECV has a listener.
 */
bool NamespaceReader::holds_nothing() const {
  if (query_.states & kBoundInactive) return false;
  char text[1024];
  if (!read_statistics("/proc/thread-self/net/sockstat", text, sizeof text)) return false;
  if (strstr(text, "TCP: inuse ") == nullptr || statistic(text, "TCP: ", " inuse ") != 0 || statistic(text, "TCP: ", " tw ") != 0) return false;
  // Not there without IPv6.
  read_statistics("/proc/thread-self/net/sockstat6", text, sizeof text);
  return statistic(text, "TCP6: ", " inuse ") == 0;
}

void NamespaceReader::count(const DumpOutcome& outcome) {
  if (outcome.late > 0) faults.add("late", outcome.late);
  if (outcome.strange > 0) faults.add("stranger", outcome.strange);
  if (outcome.interrupted) faults.add("interrupted");
  if (outcome.step != Step::kNone && outcome.error != EINTR) faults.add(fault_of(outcome));
}

void NamespaceReader::received(int64_t timestamp) { columns_.set_timestamp(mutants::timestamp(timestamp)); }

bool NamespaceReader::message(const uint8_t* payload, size_t length, bool interrupted) {
  Row row;
  if (!decoder_.decode(payload, length, row)) return true;
  mutants::dumped(current_, payload, static_cast<uint32_t>(length));
  if (!sample_.keeps(row_cookie(row))) {
    left_out_++;
    return true;
  }
  if (!seen_.add(row_cookie(row))) {
    repeated_++;
    return true;
  }
  for (int copies = mutants::copies(row); copies > 0; copies--) {
    if (!add(row, interrupted)) return false;
  }
  return true;
}

bool NamespaceReader::add(const Row& row, bool interrupted) {
  const size_t length = writer_.add(row, columns_, rows_ + 1, interrupted);
  if (length == 0) return false;
  rows_++;
  bytes_ += length;
  return true;
}

/** The first dump is given up for a second one if its rows can still be taken back; else the rest of its rows is marked. */
bool NamespaceReader::go_on_interrupted() { return !(may_retry_ && writer_.mark().envelopes == mark_.envelopes); }

}  // namespace netsoak
