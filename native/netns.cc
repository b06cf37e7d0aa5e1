#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace netsoak {
namespace {
// linux/sockios.h
constexpr unsigned long kSiocgskns = 0x894C;
// asm-generic/socket.h
constexpr int kSoNetnsCookie = 71;
constexpr char kOwnNamespace[] = "/proc/thread-self/ns/net";
}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.fd_;
    other.fd_ = -1;
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) {
    // The errno of what failed before is still to be reported.
    const int error = errno;
    close(fd_);
    errno = error;
  }
}

// O_NONBLOCK: a FIFO or a device that someone left in the directory must not hold up a worker.
Fd open_namespace(const std::string& path) { return Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)); }

bool identify(int fd, NamespaceId& id) {
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  id = {status.st_dev, status.st_ino};
  return true;
}

Home::Home() : fd_(open_namespace(kOwnNamespace)) {
  if (!fd_.open() || !identify(fd_.get(), id_)) error_ = errno;
}

int Home::enter(int fd, const NamespaceId& id) {
  if (id == id_ && !away_) return 0;
  if (setns(fd, CLONE_NEWNET) != 0) return errno;
  away_ = id != id_;
  return 0;
}

int Home::leave() {
  if (!away_) return 0;
  if (setns(fd_.get(), CLONE_NEWNET) != 0) return errno;
  away_ = false;
  return 0;
}

int prove(int socket, const NamespaceId& expected) {
  Fd of_socket(ioctl(socket, kSiocgskns));
  if (!of_socket.open() && (errno == EPERM || errno == EACCES)) of_socket = open_namespace(kOwnNamespace);
  if (!of_socket.open()) return errno;
  NamespaceId actual;
  if (!identify(of_socket.get(), actual)) return errno;
  return actual == expected ? 0 : EXDEV;
}

uint64_t namespace_cookie(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return getsockopt(socket, SOL_SOCKET, kSoNetnsCookie, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace netsoak
