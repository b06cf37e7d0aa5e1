#include "sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace {

Fd connectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw Trouble("the socket path " + path + " is longer than " + std::to_string(sizeof(address.sun_path) - 1) +
                  " characters; give a shorter one");
  }
  path.copy(address.sun_path, path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail("could not make a Unix socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fail("could not connect to " + path);
  return fd;
}

Fd openFile(const std::string& path) {
  // A virtio port has one opener at a time (EBUSY, drivers/char/virtio_console.c): the relay of the subject's
  // former start may still be draining.
  for (int attempt = 0;; ++attempt) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0644));
    if (fd) return fd;
    if (errno != EBUSY || attempt == 600) fail("could not open " + path);
    ::usleep(100'000);
  }
}

}  // namespace

Sink::Sink(const std::string& path) : path_(path) {
  struct stat status {};
  const bool isSocket = ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  fd_ = isSocket ? connectTo(path) : openFile(path);
}

void Sink::write(const void* data, std::size_t length) {
  const char* at = static_cast<const char*>(data);
  while (length > 0) {
    const ssize_t written = ::write(fd_.get(), at, length);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("could not write to " + path_);
    }
    at += written;
    length -= static_cast<std::size_t>(written);
  }
}
