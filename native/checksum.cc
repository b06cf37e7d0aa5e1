#include "checksum.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace netsoak {
namespace {

/** Bytes folded at once. */
constexpr size_t kStride = 64;
constexpr size_t kLane = 16;

struct ByteTable {
  uint32_t of[256];
  constexpr ByteTable() : of() {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t crc = byte;
      for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
      of[byte] = crc;
    }
  }
};
constexpr ByteTable kBytes;

__attribute__((target("pclmul,sse4.1"))) inline __m128i fold(__m128i value, __m128i by, __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, by, 0x00), _mm_clmulepi64_si128(value, by, 0x11)), next);
}

__attribute__((target("pclmul,sse4.1"))) inline __m128i lane(const uint8_t* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

/**
 * Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009: four lanes, then one, then Barrett's
 * reduction. `length` is a multiple of kLane from kStride on.
 */
__attribute__((target("pclmul,sse4.1"))) uint32_t fold_all(uint32_t crc, const uint8_t* bytes, size_t length) {
  const __m128i by_stride = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_lane = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i half = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i reduction = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i words = _mm_setr_epi32(~0, 0, ~0, 0);

  __m128i a = _mm_xor_si128(lane(bytes), _mm_cvtsi32_si128(static_cast<int>(crc)));
  __m128i b = lane(bytes + kLane), c = lane(bytes + 2 * kLane), d = lane(bytes + 3 * kLane);
  for (bytes += kStride, length -= kStride; length >= kStride; bytes += kStride, length -= kStride) {
    a = fold(a, by_stride, lane(bytes));
    b = fold(b, by_stride, lane(bytes + kLane));
    c = fold(c, by_stride, lane(bytes + 2 * kLane));
    d = fold(d, by_stride, lane(bytes + 3 * kLane));
  }
  a = fold(fold(fold(a, by_lane, b), by_lane, c), by_lane, d);
  for (; length >= kLane; bytes += kLane, length -= kLane) a = fold(a, by_lane, lane(bytes));

  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_lane, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, words), half, 0x00));
  __m128i quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(a, words), reduction, 0x10), words);
  quotient = _mm_clmulepi64_si128(quotient, reduction, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, quotient), 1));
}

}  // namespace

bool has_fast_crc32() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

uint32_t crc32(uint32_t crc, const uint8_t* bytes, size_t length) {
  crc = ~crc;
  if (length >= kStride) {
    const size_t folded = length / kLane * kLane;
    crc = fold_all(crc, bytes, folded);
    bytes += folded;
    length -= folded;
  }
  for (; length > 0; bytes++, length--) crc = crc >> 8 ^ kBytes.of[(crc ^ *bytes) & 0xff];
  return ~crc;
}

}  // namespace netsoak

#else

namespace netsoak {

bool has_fast_crc32() { return false; }
uint32_t crc32(uint32_t, const uint8_t*, size_t) { return 0; }

}  // namespace netsoak

#endif
