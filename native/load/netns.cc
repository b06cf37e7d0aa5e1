#include "netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

namespace {

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // asm-generic/socket.h, Linux 5.14
#endif

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

void makeDirectories(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) fail("could not make the directory " + part);
  }
}

// Unlike any other's: the nanosecond of its making, in the upper half of the range, where no kernel's counter comes.
std::uint64_t madeUpCookie() {
  static std::atomic<std::uint64_t> last{0};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::uint64_t ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  std::uint64_t before = last.load();
  std::uint64_t mine = 0;
  do {
    mine = std::max(ns, before + 1);
  } while (!last.compare_exchange_weak(before, mine));
  return mine | std::uint64_t{1} << 63;
}

// Writes both of the cookie's fields.
void readCookie(NamespaceId& id) {
  Fd probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) fail("could not open a socket in a new namespace");
  socklen_t length = sizeof(id.cookie);
  if (::getsockopt(probe.get(), SOL_SOCKET, SO_NETNS_COOKIE, &id.cookie, &length) == 0) return;
  if (errno != ENOPROTOOPT) fail("could not read a namespace's cookie");
  id.cookie = madeUpCookie();
  id.cookieMadeUp = true;
}

// Puts the calling thread back where it came from, whatever happened in between.
class Visit {
 public:
  explicit Visit(int home) : home_(home) {
    if (::unshare(CLONE_NEWNET) != 0) fail("could not make a network namespace (CAP_SYS_ADMIN is needed)");
  }
  ~Visit() {
    if (::setns(home_, CLONE_NEWNET) != 0) {
      std::perror("netsoak-load: a thread could not return from a namespace");
      std::abort();
    }
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  int home_;
};

}  // namespace

NamespaceId namespaceHere(const std::string& name) {
  struct stat status {};
  if (::stat(kOwnNamespace, &status) != 0) fail(std::string("could not stat ") + kOwnNamespace);
  NamespaceId id;
  id.name = name;
  id.inode = status.st_ino;
  readCookie(id);
  return id;
}

Namespaces::Namespaces(const std::string& directory) : directory_(directory) {
  makeDirectories(directory);
  lock_ = Fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) fail("could not open " + directory);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Trouble("another netsoak-load works in " + directory + "; give each its own --netns-dir");
  }
  home_ = Fd(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
  if (!home_) fail(std::string("could not open ") + kOwnNamespace + " (is /proc mounted for this pid namespace?)");
  removeLeftovers();
}

void Namespaces::removeLeftovers() {
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory_.c_str()), ::closedir);
  if (!listing) fail("could not list " + directory_);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (name.rfind(kNamePrefix, 0) == 0) names.push_back(name);
  }
  for (const auto& name : names) remove(name);
}

NamespaceId Namespaces::create(const std::string& name, const std::function<void(const NamespaceId&)>& inside) {
  const std::string target = path(name);
  Fd file(::open(target.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file) fail("could not make " + target);
  file.close();
  try {
    const Visit visit(home_.get());
    NamespaceId id;
    id.name = name;
    readCookie(id);
    {
      Rtnl here;
      here.loopbackUp();
      here.makePrefixesLocal();
    }
    if (::mount(kOwnNamespace, target.c_str(), nullptr, MS_BIND, nullptr) != 0) fail("could not bind a namespace to " + target);
    struct stat status {};
    if (::stat(target.c_str(), &status) != 0) fail("could not stat " + target);
    id.inode = status.st_ino;
    inside(id);
    return id;
  } catch (...) {
    ::umount2(target.c_str(), MNT_DETACH);
    ::unlink(target.c_str());
    throw;
  }
}

void Namespaces::pass(const std::function<void()>& inside) {
  const Visit visit(home_.get());
  inside();
}

void Namespaces::remove(const std::string& name) {
  const std::string target = path(name);
  // EINVAL: the name was never mounted (its maker died in between).
  if (::umount2(target.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) fail("could not unmount " + target);
  if (::unlink(target.c_str()) != 0 && errno != ENOENT) fail("could not remove " + target);
}
