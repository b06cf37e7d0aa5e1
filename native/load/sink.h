// Where bytes leave the target: a regular file, a character device (a virtio port of the guest) or a Unix
// stream socket (the judge's, on target `host`). One rule for ledger and rows.
#pragma once

#include "fd.h"

#include <cstddef>
#include <string>

class Sink {
 public:
  // Throws Trouble when `path` can't be opened or connected to.
  explicit Sink(const std::string& path);

  // Writes all of it, however many calls that takes. Throws Trouble when the far end is gone.
  void write(const void* data, std::size_t length);

 private:
  std::string path_;
  Fd fd_;
};
