#include "reader.h"

#include <errno.h>
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

NamespaceResult NamespaceReader::read(const NamespaceTask& task, uint64_t poll_id) {
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
      read_inside(task, poll_id, result);
      // Failure shows in at_home(); what was read stands.
      home_.leave();
    }
  }
  return result;
}

void NamespaceReader::read_inside(const NamespaceTask& task, uint64_t poll_id, NamespaceResult& result) {
  for (int attempt = 1; attempt <= kAttempts; attempt++) {
    // A new socket for each attempt: on the old one the failed dump may still be running (EBUSY) or have messages queued.
    const Fd socket(open_diag_socket());
    if (!socket.open()) return fail(result, Status::kError, Step::kSocket, errno);
    const int proof = prove(socket.get(), task.id);
    if (proof != 0) return fail(result, Status::kUnenterable, Step::kProof, proof);
    result.cookie = namespace_cookie(socket.get());

    NamespaceColumns columns{task.name, task.id.inode, task.container_id, task.container_runtime, result.cookie};
    mutants::naming(columns);
    columns_.set_namespace(columns, poll_id, Kind::kPoll);
    current_ = task.id;
    seen_.clear();
    rows_ = bytes_ = repeated_ = left_out_ = 0;
    mark_ = writer_.mark();
    may_retry_ = attempt < kAttempts;
    DumpOutcome outcome;
    if (!mutants::replay(task.id, *this)) outcome = dump(socket.get(), query_, ++sequence_, buffer_.get(), kReceiveBytes, *this);

    // Rows already handed on can't be taken back, and a second dump would repeat them: then what there is stands, and the
    // result says that it is not whole.
    if (outcome.worth_retrying && may_retry_ && writer_.rollback(mark_)) continue;
    decoder_.drain_unknown(unknown);
    duplicates += repeated_;
    sampled_out += left_out_;
    result.rows = rows_;
    result.bytes = bytes_;
    result.interrupted = outcome.interrupted;
    result.detail = outcome.detail;
    fail(result, outcome.step == Step::kNone ? Status::kOk : is_denied(outcome.error) ? Status::kDenied : Status::kError, outcome.step,
         outcome.error);
    return;
  }
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
