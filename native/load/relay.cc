// netsoak-relay --to PATH --start N [--listen SOCKET]: carries the subject's rows out of the target, framed as
// [u32le start][u32le length][bytes], with one frame of length 0 at its end. Rows are what comes on stdin, the subject's stdout; with
// --listen they are what comes over that Unix stream socket, one connection after the other, and stdin only tells when the subject
// is gone. Outlives the subject, so that what it wrote before it died still arrives; ends non-zero when the far end is gone.
#include "sink.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kChunk = 256 * 1024;

void put32(char* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

int usage() {
  std::fputs("usage: netsoak-relay --to PATH --start N [--listen SOCKET] < ROWS\n", stderr);
  return 64;
}

class Relay {
 public:
  Relay(const std::string& to, std::uint32_t start) : sink_(to), frame_(kHeader + kChunk) { put32(frame_.data(), start); }

  // Passes on what can be read from `fd`; false at its end.
  bool pass(int fd) {
    const ssize_t got = read(fd);
    if (got > 0) send(got);
    return got != 0;
  }

  // Reads what nobody wants; false at its end.
  bool discard(int fd) { return read(fd) != 0; }

  void end() { send(0); }

 private:
  // -1: nothing yet.
  ssize_t read(int fd) {
    const ssize_t got = ::read(fd, frame_.data() + kHeader, kChunk);
    if (got < 0 && errno == ECONNRESET) return 0;
    if (got < 0 && errno != EINTR && errno != EAGAIN) fail("could not read the subject's rows");
    return got;
  }

  void send(ssize_t length) {
    put32(frame_.data() + 4, static_cast<std::uint32_t>(length));
    sink_.write(frame_.data(), kHeader + static_cast<std::size_t>(length));
  }

  Sink sink_;
  std::vector<char> frame_;
};

Fd listenOn(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw Trouble("the socket path " + path + " is too long");
  path.copy(address.sun_path, path.size());
  ::unlink(path.c_str());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd.get(), 8) != 0)
    fail("could not listen on " + path);
  return fd;
}

// What the subject wrote before it went is still in the connection, or in one that nobody has accepted yet.
void relayFrom(Relay& relay, const std::string& path) {
  const Fd listener = listenOn(path);
  Fd connection;
  bool alive = true;
  for (;;) {
    if (!connection) connection = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection && !alive) break;
    // Negative descriptors are passed over (poll(2)).
    pollfd wait[] = {{alive ? STDIN_FILENO : -1, POLLIN, 0}, {connection ? connection.get() : listener.get(), POLLIN, 0}};
    if (::poll(wait, 2, -1) < 0 && errno != EINTR) fail("could not wait for the subject's rows");
    if (wait[0].revents != 0) alive = relay.discard(STDIN_FILENO);
    if (connection && wait[1].revents != 0 && !relay.pass(connection.get())) connection.close();
  }
  ::unlink(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::string to;
  std::string listen;
  std::uint32_t start = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--to") to = argv[i + 1];
    else if (key == "--start") start = static_cast<std::uint32_t>(std::strtoul(argv[i + 1], nullptr, 10));
    else if (key == "--listen") listen = argv[i + 1];
    else return usage();
  }
  if (argc % 2 == 0 || to.empty() || start == 0) return usage();

  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  // A larger pipe keeps a subject that is quicker than the reader from blocking; refused on other files, which is fine.
  (void)::fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);

  try {
    Relay relay(to, start);
    if (listen.empty()) {
      while (relay.pass(STDIN_FILENO)) {}
    } else {
      relayFrom(relay, listen);
    }
    relay.end();
    return 0;
  } catch (const Trouble& trouble) {
    std::fprintf(stderr, "netsoak-relay: %s\n", trouble.what());
    return 1;
  }
}
