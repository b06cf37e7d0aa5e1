// One socket as the kernel described it: for each block of `fields.def` a view of its bytes. Nothing is copied, except blocks that
// are shorter than this version knows (an older kernel), which are padded with zeros.
// A Row is valid as long as the buffer it was decoded from.
#pragma once
#include <cstdint>
#include <cstring>

namespace netsoak {

enum Block : unsigned {
#define BLOCK(id, attribute, size, least) id,
#include "fields.def"
  kBlocks
};

constexpr uint16_t kBlockSize[kBlocks] = {
#define BLOCK(id, attribute, size, least) size,
#include "fields.def"
};

/** A value that ends after `length[block]` was not sent. */
struct Row {
  const uint8_t* data[kBlocks];
  /** Bytes the kernel sent, at most kBlockSize, ending with a whole value; 0: the block is absent. */
  uint16_t length[kBlocks];
};

template <typename T>
inline T load(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

inline uint16_t load_be16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

inline uint8_t row_family(const Row& row) { return row.data[kMessage][0]; }
inline uint64_t row_cookie(const Row& row) { return load<uint64_t>(row.data[kMessage] + 44); }

}  // namespace netsoak
