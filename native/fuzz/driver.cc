// A stand-in for libFuzzer where there is no clang: the same targets under g++'s ASan and UBSan, fed with seeds that are bent at random.
// Blind to coverage, so it finds less; it keeps a broken target or an over-read of ordinary input from passing unseen.
//   NAME_smoke RUNS MAX_LENGTH [SEED_FILE...]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

/** xorshift64*: the same inputs in every run. */
uint64_t random_state = 88172645463325252u;
uint64_t next() {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717u;
}
size_t below(size_t bound) { return next() % bound; }

using Input = std::vector<uint8_t>;

void bend(Input& input, size_t most) {
  for (size_t changes = 1 + below(4); changes > 0; changes--) {
    const size_t at = input.empty() ? 0 : below(input.size());
    switch (below(5)) {
      case 0:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<uint8_t>(next()));
        break;
      case 1:
        input.resize(at);
        break;
      case 2:
        if (!input.empty()) input.insert(input.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        if (!input.empty()) input[at] = below(3) == 0 ? static_cast<uint8_t>(below(2) * 0xff) : static_cast<uint8_t>(next());
    }
  }
  if (input.size() > most) input.resize(most);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 64;
  const unsigned long runs = strtoul(arguments[1], nullptr, 10), most = strtoul(arguments[2], nullptr, 10);
  std::vector<Input> seeds(1);
  for (int i = 3; i < count; i++) {
    std::ifstream file(arguments[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  for (const Input& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  for (unsigned long run = 0; run < runs; run++) {
    Input input = seeds[below(seeds.size())];
    bend(input, most);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  printf("Done %lu runs\n", runs);
}
