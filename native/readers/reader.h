// The ways to read many namespaces that an evaluation holds against each other, behind one face.
#pragma once

#include "dump.h"

#include <memory>
#include <string>
#include <vector>

class Reader {
 public:
  virtual ~Reader() = default;
  // Reads every socket of every namespace once.
  virtual Tally poll() = 0;
};

enum class Sockets { reopened, cached };

// Threads that take the next namespace from a list, as netsoakd's: their number has nothing to do with that of the namespaces.
std::unique_ptr<Reader> makePool(std::vector<std::string> spaces, unsigned workers, Sockets sockets, Families families);
// A thread for each namespace, which lives in it and blocks in recv().
std::unique_ptr<Reader> makeBlocking(std::vector<std::string> spaces);
// One thread with one io_uring for all namespaces. Ends the program with status 69 where the kernel refuses a ring.
std::unique_ptr<Reader> makeUring(std::vector<std::string> spaces);
