#include "arena.h"

#include <errno.h>
#include <sys/mman.h>

#include <system_error>

namespace netsoak {
namespace {

/** Of x86-64 and, with pages of 4 KiB, of arm64. */
constexpr size_t kHugePage = 2 << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

/** Room for the alignment, and for something that can't be touched on both sides. */
size_t reserved_for(size_t bytes) { return round_up(bytes, kHugePage) + 2 * kHugePage; }

}  // namespace

Arena::Arena(size_t bytes)
    : size_(bytes),
      reserved_(reserved_for(bytes)),
      reservation_(mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  if (reservation_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "memory for envelopes");
  data_ = reinterpret_cast<uint8_t*>(round_up(reinterpret_cast<uintptr_t>(reservation_) + 1, kHugePage));
  if (mprotect(data_, size_, PROT_READ | PROT_WRITE) != 0) {
    const int error = errno;
    munmap(reservation_, reserved_);
    throw std::system_error(error, std::generic_category(), "memory for envelopes");
  }
  // Without them it works as well.
  madvise(data_, size_, MADV_HUGEPAGE);
}

Arena::~Arena() { munmap(reservation_, reserved_); }

}  // namespace netsoak
