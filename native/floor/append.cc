// netsoak-append ROWS FILE: what filling envelopes costs, and nothing else. Rows of the messages in FILE are appended to envelopes by the
// daemon's own writer, ROWS to each (or as many as a block holds), again and again until its input ends. For each line of input it prints how
// many rows it has appended.
//
// Exits 0, 64 for a wrong command line, 70 when FILE holds no socket.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "../decode.h"
#include "../envelope.h"

using namespace netsoak;

namespace {

/** Its input is looked at after so many rows, a fraction of a millisecond. */
constexpr uint64_t kRowsBetweenLooks = 10'000;

struct Sockets {
  std::vector<Row> rows;
  /** A row may be a view of what its decoder padded. */
  std::vector<std::unique_ptr<Decoder>> decoders;
};

Sockets decode_all(const std::vector<uint8_t>& bytes) {
  Sockets sockets;
  MessageWalk walk(bytes.data(), bytes.size());
  while (walk.next() == Next::kMessage) {
    Row row;
    sockets.decoders.push_back(std::make_unique<Decoder>());
    if (sockets.decoders.back()->decode(walk.payload, walk.payload_length, row)) sockets.rows.push_back(row);
  }
  return sockets;
}

/** False at the end of the input. */
bool answer(uint64_t appended) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, 0) == 0) return true;
  char byte;
  if (::read(STDIN_FILENO, &byte, 1) != 1) return false;
  std::printf("%llu\n", static_cast<unsigned long long>(appended));
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const uint32_t rows = argc == 3 ? static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10)) : 0;
  if (rows == 0) {
    std::fputs("usage: netsoak-append ROWS FILE\n", stderr);
    return 64;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  const Sockets sockets = decode_all(bytes);
  if (sockets.rows.empty()) {
    std::fprintf(stderr, "netsoak-append: %s holds no socket\n", argv[2]);
    return 70;
  }

  Pool pool(2);
  Columns columns(Format::kProtobuf);
  Identity identity;
  identity.daemon_version = "0.1.0";
  identity.hostname = "host";
  columns.set_identity(identity);
  NamespaceColumns space;
  space.name = "namespace";
  space.inode = 4'026'531'840;
  space.cookie = 1;
  columns.set_namespace(space, 1, Kind::kPoll);
  columns.set_timestamp(1);
  EnvelopeWriter writer(pool, Format::kProtobuf, {rows, UINT32_MAX}, [&](const FinishedEnvelope& envelope) { pool.release(envelope.block); });

  uint64_t appended = 0;
  size_t next = 0;
  while (answer(appended)) {
    for (uint64_t round = 0; round < kRowsBetweenLooks; round++) {
      writer.add(sockets.rows[next], columns, ++appended, false);
      next = next + 1 == sockets.rows.size() ? 0 : next + 1;
    }
  }
  return 0;
}
