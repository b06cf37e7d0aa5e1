// The same fields, for processors that spread bits by an instruction (x86 BMI2). The rest of the program knows nothing of it.
#include "encode_proto.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/socket.h>

#include <string>

// After the headers: what they define is shared with the rest of the program.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("bmi,bmi2,lzcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("bmi,bmi2,lzcnt")
#endif

namespace netsoak {
namespace {

/** By the number of leading zeros of a value of at most 56 bits: the bytes of its varint, and the bits in them that say "more follows". */
struct Varints {
  uint8_t length[65];
  uint64_t more[65];
  constexpr Varints() : length(), more() {
    for (unsigned zeros = 0; zeros <= 64; zeros++) {
      const unsigned bits = zeros >= 63 ? 1 : zeros < 8 ? 56 : 64 - zeros;
      length[zeros] = static_cast<uint8_t>((bits + 6) / 7);
      more[zeros] = 0x8080808080808080 & ((uint64_t{1} << (8 * (length[zeros] - 1))) - 1);
    }
  }
};
constexpr Varints kVarints;

/** A varint of at most 56 bits; writes 8 bytes. See encode_proto.cc. */
__attribute__((always_inline)) inline uint8_t* put_varint56(uint8_t* out, uint64_t value) {
  const uint64_t zeros = _lzcnt_u64(value);
  const uint64_t bytes = _pdep_u64(value, 0x7f7f7f7f7f7f7f7f) | kVarints.more[zeros];
  memcpy(out, &bytes, sizeof bytes);
  return out + kVarints.length[zeros];
}

}  // namespace
}  // namespace netsoak

#include "encode_proto_fields.h"

namespace netsoak {

uint8_t* put_fields_bmi2(uint8_t* out, const Row& row, const Columns& columns, uint64_t counter, bool interrupted) {
  return put_fields(out, row, columns, counter, interrupted);
}

}  // namespace netsoak
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace netsoak {

/** Early AMD processors have the instruction, but as a slow microprogram. */
bool has_fast_bmi2() {
  __builtin_cpu_init();
  const bool slow = __builtin_cpu_is("bdver4") || __builtin_cpu_is("znver1") || __builtin_cpu_is("znver2");
  return __builtin_cpu_supports("bmi2") && !slow;
}

}  // namespace netsoak

#else

namespace netsoak {

bool has_fast_bmi2() { return false; }
uint8_t* put_fields_bmi2(uint8_t* out, const Row&, const Columns&, uint64_t, bool) { return out; }

}  // namespace netsoak

#endif
