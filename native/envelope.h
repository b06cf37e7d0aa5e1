// Puts rows into envelopes: one block at a time, handed on when full, at the end of a worker's part of the poll, never with a row lost or
// cut. An envelope may hold rows of several namespaces.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

#include "columns.h"
#include "pool.h"
#include "row.h"

namespace netsoak {

struct FlushLimits {
  uint32_t rows;
  /** Of the whole frame, its length included. Exceeded only by a single row that is longer by itself. */
  uint32_t bytes;
};

/** A finished envelope: [start, end) of a block, which belongs to JS until it is released. */
struct FinishedEnvelope {
  int block;
  size_t start, end;
  uint32_t rows;
};

class EnvelopeWriter {
 public:
  using Sink = std::function<void(const FinishedEnvelope&)>;
  EnvelopeWriter(Pool& pool, Format format, FlushLimits limits, Sink sink)
      : pool_(pool), format_(format), limits_(limits), sink_(std::move(sink)) {}
  EnvelopeWriter(const EnvelopeWriter&) = delete;
  EnvelopeWriter& operator=(const EnvelopeWriter&) = delete;

  /** Where rows stand, to come back to. */
  struct Mark {
    uint64_t envelopes;
    size_t end;
    uint32_t rows;
  };

  /** Adds a row. Returns the bytes it took, 0 when the pool gave no block any more: the row was not added. */
  size_t add(const Row& row, const Columns& columns, uint64_t counter, bool interrupted);
  Mark mark() const { return {handed_on_, end_, rows_}; }
  /** Takes back the rows since `mark`. False when some were handed on since: then nothing changes. */
  bool rollback(const Mark& mark);
  /** Hands on what is there. */
  void flush();
  uint64_t handed_on() const { return handed_on_; }

 private:
  uint8_t* encode(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted) const;
  bool open();

  /** Room before the rows for the frame's length, which is known last. */
  static constexpr size_t kHead = 5;

  Pool& pool_;
  const Format format_;
  const FlushLimits limits_;
  const Sink sink_;
  int block_ = Pool::kNone;
  uint8_t* bytes_ = nullptr;
  size_t end_ = kHead;
  uint32_t rows_ = 0;
  uint64_t handed_on_ = 0;
};

/** Longest row that columns of this length can give. */
size_t row_bound(Format format, const Columns& columns);
/** Writes the length of a frame in the bytes before its content; returns where the frame starts. */
uint8_t* put_frame_length(uint8_t* content, size_t length);

}  // namespace netsoak
