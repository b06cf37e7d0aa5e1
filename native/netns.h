// Entering network namespaces, one thread at a time, and proof of where one is.
#pragma once
#include <cstdint>
#include <string>

namespace netsoak {

/** A file descriptor that is closed with its owner. */
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/** st_dev and st_ino of a namespace file. An inode number alone is reused soon after a namespace died. */
struct NamespaceId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const NamespaceId& other) const { return device == other.device && inode == other.inode; }
  bool operator!=(const NamespaceId& other) const { return !(*this == other); }
};

/** Opens a namespace file, close-on-exec; never blocks, whatever the path names. Not open: errno says why. */
Fd open_namespace(const std::string& path);
bool identify(int fd, NamespaceId& id);

/** The namespace that this thread started in, and whether it is there now. */
class Home {
 public:
  Home();
  /** False: the thread could not even find its own namespace; errno in error(). */
  bool known() const { return fd_.open(); }
  int error() const { return error_; }
  const NamespaceId& id() const { return id_; }
  bool away() const { return away_; }
  /** Moves this thread to a namespace; its own needs no system call and so no right. 0 or errno. */
  int enter(int fd, const NamespaceId& id);
  /** Moves back. 0 or errno: then the thread stays abroad and must not idle, or it would keep that namespace alive. */
  int leave();

 private:
  Fd fd_;
  NamespaceId id_;
  int error_ = 0;
  bool away_ = false;
};

/**
 * Whether a socket really is in a namespace, asked of the socket itself (SIOCGSKNS) and not of the thread that made it.
 * Without the right to ask (CAP_NET_ADMIN) the thread's own namespace file is taken as the proof.
 * @returns 0; EXDEV when it is in another one; else the errno of the question.
 */
int prove(int socket, const NamespaceId& expected);

/** SO_NETNS_COOKIE: never reused. 0 before Linux 5.14. */
uint64_t namespace_cookie(int socket);

}  // namespace netsoak
