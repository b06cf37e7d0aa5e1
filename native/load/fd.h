// A file descriptor with one owner, and the exception with which this program says what went wrong.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>

// A sentence for the person who reads stderr or the answer to a command.
struct Trouble : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Appends the text of `errno` as it stands.
[[noreturn]] inline void fail(const std::string& what) {
  const int code = errno;
  throw Trouble(what + ": " + std::strerror(code));
}

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};
