// LD_PRELOAD shim for the tests: makes at will what the kernel rarely does to a netlink dump, or to setns. Not part of any build that ships.
//   NETSHIM=ACTION@N[,ACTION@N...]   N counts receives on NETLINK_SOCK_DIAG sockets (setns calls for `home`) from 1, `*` means each
// intr     NLM_F_DUMP_INTR on every message        trunc    MSG_TRUNC
// enobufs  the receive fails, its data is lost     error    NLMSG_ERROR EACCES with an extended ack instead of the data
// late     the same data under an older sequence number first, then the data
// silent   EAGAIN for ever from here on            cut      the last message is cut off
// done     NLMSG_DONE with an error instead        stranger the data once from another process's port first
// stuck    the receive never returns; N counts those of sockets that have joined groups
// home     setns fails with EPERM                 nocookie the kernel knows no SO_NETNS_COOKIE (before Linux 5.14)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned receives, listens, moves;
static char stash[65536];
static ssize_t stashed;

static int asked(const char *action, unsigned count) {
  const char *at = getenv("NETSHIM");
  const size_t length = strlen(action);
  while (at && *at) {
    if (!strncmp(at, action, length) && at[length] == '@' && (at[length + 1] == '*' || strtoul(at + length + 1, NULL, 10) == count)) return 1;
    at = strchr(at, ',');
    if (at) at++;
  }
  return 0;
}

static int is_diag(int fd) {
  int domain = 0, protocol = -1;
  socklen_t size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) || domain != AF_NETLINK) return 0;
  size = sizeof protocol;
  return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) && protocol == NETLINK_SOCK_DIAG;
}

static int is_listener(int fd) {
  struct sockaddr_nl own = {0};
  socklen_t size = sizeof own;
  return !getsockname(fd, (struct sockaddr *)&own, &size) && own.nl_family == AF_NETLINK && own.nl_groups != 0;
}

static struct nlmsghdr *first(const struct msghdr *message) { return message->msg_iov[0].iov_base; }

static void each(const struct msghdr *message, ssize_t got, int flag, int older) {
  int left = (int)got;
  for (struct nlmsghdr *at = first(message); NLMSG_OK(at, (unsigned)left); at = NLMSG_NEXT(at, left)) {
    at->nlmsg_flags |= (unsigned short)flag;
    at->nlmsg_seq -= (unsigned)older;
  }
}

/** An NLMSG_ERROR or NLMSG_DONE with this errno and a sentence. */
static ssize_t refusal(const struct msghdr *message, int type, int error) {
  static const char text[] = "the shim says no";
  struct nlmsghdr header = *first(message);
  char *at = message->msg_iov[0].iov_base;
  const int code = -error;
  const struct nlattr attribute = {sizeof attribute + sizeof text, NLMSGERR_ATTR_MSG};
  header.nlmsg_type = (unsigned short)type;
  header.nlmsg_flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
  const size_t capped = type == NLMSG_ERROR ? sizeof header : 0;
  header.nlmsg_len = (unsigned)(sizeof header + sizeof code + capped + NLMSG_ALIGN(attribute.nla_len));
  memcpy(at, &header, sizeof header);
  memcpy(at + sizeof header, &code, sizeof code);
  memcpy(at + sizeof header + sizeof code, &header, capped);
  memcpy(at + sizeof header + sizeof code + capped, &attribute, sizeof attribute);
  memcpy(at + sizeof header + sizeof code + capped + sizeof attribute, text, sizeof text);
  return header.nlmsg_len;
}

static ssize_t bend(ssize_t (*real)(int, struct msghdr *, int), int fd, struct msghdr *message, int flags) {
  if (stashed) {
    const ssize_t got = stashed;
    memcpy(first(message), stash, (size_t)got);
    ((struct sockaddr_nl *)message->msg_name)->nl_pid = 0;
    message->msg_flags = 0;
    stashed = 0;
    return got;
  }
  const ssize_t got = real(fd, message, flags);
  if (got < 0) return got;
  const unsigned count = ++receives;
  if (asked("silent", count)) {
    receives--;
    errno = EAGAIN;
    return -1;
  }
  if (asked("enobufs", count)) {
    errno = ENOBUFS;
    return -1;
  }
  if (asked("trunc", count)) message->msg_flags |= MSG_TRUNC;
  if (asked("intr", count)) each(message, got, NLM_F_DUMP_INTR, 0);
  if (asked("error", count)) return refusal(message, NLMSG_ERROR, EACCES);
  if (asked("done", count)) return refusal(message, NLMSG_DONE, EMSGSIZE);
  if (asked("cut", count)) return got - 4;
  if (asked("late", count) || asked("stranger", count)) {
    memcpy(stash, first(message), (size_t)got);
    stashed = got;
    if (asked("late", count)) each(message, got, 0, 1);
    else ((struct sockaddr_nl *)message->msg_name)->nl_pid = 4711;
  }
  return got;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
  ssize_t (*real)(int, struct msghdr *, int) = (ssize_t(*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
  if (is_listener(fd) && asked("stuck", __atomic_add_fetch(&listens, 1, __ATOMIC_SEQ_CST))) for (;;) pause();
  if (!is_diag(fd)) return real(fd, message, flags);
  pthread_mutex_lock(&lock);
  const ssize_t got = bend(real, fd, message, flags);
  pthread_mutex_unlock(&lock);
  return got;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
  int (*real)(int, int, int, void *, socklen_t *) = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
  if (level == SOL_SOCKET && name == 71 && asked("nocookie", 1)) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return real(fd, level, name, value, size);
}

int setns(int fd, int type) {
  int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "setns");
  if (asked("home", __atomic_add_fetch(&moves, 1, __ATOMIC_SEQ_CST))) {
    errno = EPERM;
    return -1;
  }
  return real(fd, type);
}
