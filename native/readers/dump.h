// What every reader of this program has in common: a namespace's diag socket, the request, and how an answer ends. Receives and counts,
// nothing more: what decoding adds is the same for all of them.
#pragma once

#include <linux/inet_diag.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// As netsoakd has it (../reader.h).
constexpr std::size_t kReceiveBytes = 64 * 1024;

struct Tally {
  std::uint64_t rows = 0;
  std::uint64_t receives = 0;
  std::uint64_t bytes = 0;
  void add(const Tally& other);
};

// Which dumps are made of a namespace.
enum class Families {
  // TCPDIAG_GETSOCK with AF_UNSPEC: one walk of the kernel's tables for both.
  together,
  // SOCK_DIAG_BY_FAMILY twice, as ss(8) does it.
  apart,
};

struct Request {
  alignas(4) unsigned char bytes[80];
  std::size_t length;
};

// The requests that make one poll of a namespace.
std::vector<Request> requests(Families families);

// The files of a directory, as paths.
std::vector<std::string> listSpaces(const std::string& directory);

// Takes the calling thread into the namespace and opens a diag socket there. Ends the program when it can't.
int openIn(const std::string& space);

// Sends one request and receives all of its answer.
void dump(int socket, const Request& request, unsigned char* buffer, Tally& tally);

// Counts what one receive brought. True when the answer is at its end.
bool consume(const unsigned char* bytes, std::size_t length, Tally& tally);

[[noreturn]] void die(const char* what);
