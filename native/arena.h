// Memory of one piece for what is written again and again: reserved whole, resident only where it was touched, in huge pages where the kernel
// gives them (2 MiB; transparent_hugepage is `never` on some hosts, which costs nothing but speed). Beyond both ends nothing can be written.
#pragma once
#include <cstddef>
#include <cstdint>

namespace netsoak {

class Arena {
 public:
  /** @throws std::system_error when the process may not have so much address space */
  explicit Arena(size_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const size_t size_;
  const size_t reserved_;
  void* const reservation_;
  uint8_t* data_;
};

}  // namespace netsoak
