// CRC-32 of envelopes, the one of zip and zlib, at the speed of memory where the processor multiplies without carries.
#pragma once
#include <cstddef>
#include <cstdint>

namespace netsoak {

/** False: use another implementation of the same checksum. */
bool has_fast_crc32();
/**
 * Goes on from `crc` (0 at the start), as zlib's crc32(). Only where has_fast_crc32().
 * @param narrow the way of processors without AVX-512, on any
 */
uint32_t crc32(uint32_t crc, const uint8_t* bytes, size_t length, bool narrow = false);

/** The checksum of bytes that end with `length` bytes of checksum `second` behind those of checksum `first`. On any processor. */
uint32_t crc32_combine(uint32_t first, uint32_t second, size_t length);

}  // namespace netsoak
