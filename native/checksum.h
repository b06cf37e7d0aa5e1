// CRC-32 of envelopes, the one of zip and zlib, at the speed of memory where the processor multiplies without carries.
#pragma once
#include <cstddef>
#include <cstdint>

namespace netsoak {

/** False: use another implementation of the same checksum. */
bool has_fast_crc32();
/** Goes on from `crc` (0 at the start), as zlib's crc32(). Only where has_fast_crc32(). */
uint32_t crc32(uint32_t crc, const uint8_t* bytes, size_t length);

}  // namespace netsoak
