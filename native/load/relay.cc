// netsoak-relay --to PATH --start N: carries the subject's stdout out of the target, framed as
// [u32le start][u32le length][bytes], with one frame of length 0 at its end. Outlives the subject, so that what it
// wrote before it died still arrives; ends at EOF, or non-zero when the far end is gone.
#include "sink.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <vector>

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kChunk = 256 * 1024;

void put32(char* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

int usage() {
  std::fputs("usage: netsoak-relay --to PATH --start N < ROWS\n", stderr);
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  std::string to;
  std::uint32_t start = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--to") to = argv[i + 1];
    else if (key == "--start") start = static_cast<std::uint32_t>(std::strtoul(argv[i + 1], nullptr, 10));
    else return usage();
  }
  if (argc != 5 || to.empty() || start == 0) return usage();

  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  // A larger pipe keeps a subject that is quicker than the reader from blocking; refused on other files, which is fine.
  (void)::fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);

  try {
    Sink sink(to);
    std::vector<char> frame(kHeader + kChunk);
    put32(frame.data(), start);
    for (;;) {
      const ssize_t got = ::read(STDIN_FILENO, frame.data() + kHeader, kChunk);
      if (got < 0) {
        if (errno == EINTR) continue;
        fail("could not read the subject's rows");
      }
      put32(frame.data() + 4, static_cast<std::uint32_t>(got));
      sink.write(frame.data(), kHeader + static_cast<std::size_t>(got));
      if (got == 0) return 0;
    }
  } catch (const Trouble& trouble) {
    std::fprintf(stderr, "netsoak-relay: %s\n", trouble.what());
    return 1;
  }
}
