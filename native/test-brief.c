// For the tests: TCP connections that live for a moment, and the list of them. Not part of any build that ships.
//   test-brief LIFE_US RATE COUNT NETNS...   then COUNT connections, RATE a second (0: as fast as it goes), in turn over the namespaces and
//   over IPv4, IPv6 and IPv4 to a dual-stack listener. Each sends its own number of bytes. One line for each:
//   NAMESPACE CLIENT_COOKIE SERVER_COOKIE BYTES
// Exits when done, and closes three listeners in each namespace by that.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { V4, V6, MAPPED, KINDS };

static struct place {
  int fd;
  int listeners[KINDS];
  unsigned short ports[KINDS];
} places[1024];

static void enter(const struct place *place) {
  if (setns(place->fd, CLONE_NEWNET)) err(3, "setns");
}

static void listen_on(struct place *place, int kind) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6};
  struct sockaddr_in address4 = {.sin_family = AF_INET};
  const int family = kind == V4 ? AF_INET : AF_INET6, only = kind == V6;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) err(3, "socket");
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  if (bind(fd, family == AF_INET ? (void *)&address4 : (void *)&address, family == AF_INET ? sizeof address4 : sizeof address) || listen(fd, 64)) err(3, "listen");
  socklen_t size = sizeof address;
  getsockname(fd, (void *)&address, &size);
  place->listeners[kind] = fd;
  place->ports[kind] = address.sin6_port;
}

static unsigned long long cookie(int fd) {
  unsigned long long value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &size)) err(3, "SO_COOKIE");
  return value;
}

static void connection(const struct place *place, const char *name, int kind, unsigned number, unsigned life) {
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = place->ports[V6], .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f100000 + number % 0xfffff)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = place->ports[kind], .sin_addr.s_addr = htonl(0x7f200000 + number % 0xfffff)};
  enter(place);
  const int client = socket(kind == V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client < 0) err(3, "socket");
  if (kind != V6 && bind(client, (void *)&from, sizeof from)) err(3, "bind");
  if (connect(client, kind == V6 ? (void *)&to6 : (void *)&to, kind == V6 ? sizeof to6 : sizeof to)) err(3, "connect");
  const int server = accept4(place->listeners[kind], NULL, NULL, SOCK_CLOEXEC);
  if (server < 0) err(3, "accept");
  char bytes[1024] = {0};
  const size_t count = 1 + number % 1000;
  if (send(client, bytes, count, 0) != (ssize_t)count || recv(server, bytes, count, MSG_WAITALL) != (ssize_t)count) err(3, "exchange");
  printf("%s %llu %llu %zu\n", name, cookie(client), cookie(server), count);
  if (life) usleep(life);
  close(client);
  close(server);
}

int main(int count_of_arguments, char **arguments) {
  if (count_of_arguments < 5) return 64;
  const unsigned life = strtoul(arguments[1], NULL, 10), rate = strtoul(arguments[2], NULL, 10), count = strtoul(arguments[3], NULL, 10);
  const unsigned namespaces = count_of_arguments - 4;
  for (unsigned i = 0; i < namespaces; i++) {
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", arguments[4 + i]);
    places[i].fd = open(path, O_RDONLY | O_CLOEXEC);
    enter(&places[i]);
    for (int kind = 0; kind < KINDS; kind++) listen_on(&places[i], kind);
  }
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned i = 0; i < count; i++) {
    connection(&places[i % namespaces], arguments[4 + i % namespaces], (i / namespaces) % KINDS, i, life);
    if (rate == 0) continue;
    next.tv_nsec += 1000000000 / rate;
    if (next.tv_nsec >= 1000000000) {
      next.tv_nsec -= 1000000000;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return 0;
}
