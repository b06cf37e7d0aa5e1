/*
 * netsoak-floor [DIRECTORY]: the least that any collector of TCP sockets must do. For each line on stdin it makes one poll with the same
 * request and the same buffer as the reader (../netlink.cc), receives the answer to its end, looks at nothing but whether that is reached,
 * and prints one JSON line. What a collector costs beyond this is its own.
 *
 * Without DIRECTORY it polls its own network namespace; with it every file in there, one after the other, by one thread: open, setns,
 * socket, dump, close. It shares no code with the reader that is held against it.
 *
 *   {"cpuNs":51230000,"wallNs":51900000,"namespaces":1,"receives":640,"bytes":20600000}
 *
 * Exits 0 at the end of its input, 64 for a wrong command line, 70 when the kernel did not answer as it should.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  kReceiveBytes = 64 * 1024,  /* NamespaceReader::kReceiveBytes of ../reader.h */
  kAllAttributes = 0xff,      /* kAllAttributes of ../netlink.cc */
  kAllStates = 0x1fff,        /* `states = all`: without BOUND_INACTIVE */
};

struct Poll {
  uint64_t namespaces, receives, bytes;
};

static uint8_t buffer[kReceiveBytes];
static uint32_t sequence;

static void die(const char *what) {
  fprintf(stderr, "netsoak-floor: %s: %s\n", what, strerror(errno));
  exit(70);
}

/*
 * A dump ends with NLMSG_DONE, whose errno is its whole payload: either alone, or behind the last sockets in the same message
 * (netlink_dump_done in net/netlink/af_netlink.c). So the last 20 bytes tell, and no message has to be walked.
 */
static int is_end(const uint8_t *bytes, size_t length) {
  struct nlmsghdr header;
  const size_t done = NLMSG_LENGTH(sizeof(int));
  if (length < done) return 0;
  memcpy(&header, bytes, sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR) {
    errno = EPROTO;
    die("the kernel refused the dump");
  }
  memcpy(&header, bytes + length - done, sizeof header);
  return header.nlmsg_len == done && header.nlmsg_type == NLMSG_DONE && header.nlmsg_seq == sequence;
}

static void dump(struct Poll *poll) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) die("socket");
  struct {
    struct nlmsghdr header;
    struct inet_diag_req body;
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = TCPDIAG_GETSOCK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence;
  request.body.idiag_family = AF_UNSPEC;
  request.body.idiag_ext = kAllAttributes;
  request.body.idiag_states = kAllStates;
  if (send(fd, &request, sizeof request, 0) != (ssize_t)sizeof request) die("send");
  for (;;) {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) die("recv");
    poll->receives++;
    poll->bytes += (uint64_t)got;
    if (is_end(buffer, (size_t)got)) break;
  }
  poll->namespaces++;
  close(fd);
}

static void dump_all(const char *directory, struct Poll *poll) {
  DIR *listing = opendir(directory);
  if (listing == NULL) die(directory);
  for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    const int space = openat(dirfd(listing), entry->d_name, O_RDONLY | O_CLOEXEC);
    if (space < 0) die(entry->d_name);
    if (setns(space, CLONE_NEWNET) != 0) die("setns");
    close(space);
    dump(poll);
  }
  closedir(listing);
}

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc > 2) {
    fputs("usage: netsoak-floor [DIRECTORY]\n", stderr);
    return 64;
  }
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    struct Poll poll = {0, 0, 0};
    const uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    const uint64_t wall = nanoseconds(CLOCK_MONOTONIC);
    if (argc == 2) dump_all(argv[1], &poll);
    else dump(&poll);
    const uint64_t wall_end = nanoseconds(CLOCK_MONOTONIC);
    const uint64_t cpu_end = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    printf("{\"cpuNs\":%llu,\"wallNs\":%llu,\"namespaces\":%llu,\"receives\":%llu,\"bytes\":%llu}\n", (unsigned long long)(cpu_end - cpu),
           (unsigned long long)(wall_end - wall), (unsigned long long)poll.namespaces, (unsigned long long)poll.receives,
           (unsigned long long)poll.bytes);
    fflush(stdout);
  }
  return 0;
}
