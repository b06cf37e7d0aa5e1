// libFuzzer target for the filter compiler. Whatever the text: either an error that points into it, or a program that the kernel's auditor takes
// and that selects what the parsed tree means, test by test.
#include <linux/inet_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "../bytecode.h"
#include "../filter_tree.h"

namespace {

using namespace netsoak;

/** Answers without asking the host: fast, and the same on every machine. */
class Names : public FilterNames {
 public:
  std::optional<uint16_t> port(const std::string& service) const override {
    return service == "https" ? std::optional<uint16_t>(443) : std::nullopt;
  }
  std::optional<uint64_t> cgroup(const std::string& path) const override { return path.size() % 2 ? std::optional<uint64_t>(path.size()) : std::nullopt; }
};

void require(bool truth) {
  if (!truth) abort();
}

/** The meaning of a tree, each test run as a program of its own. */
bool means(const FilterNode& node, const FilterSubject& subject) {
  const auto part = [&](const FilterNode& inner) { return means(inner, subject); };
  switch (node.kind) {
    case FilterNode::Kind::kNot:
      return !part(node.parts[0]);
    case FilterNode::Kind::kAnd:
      return std::all_of(node.parts.begin(), node.parts.end(), part);
    case FilterNode::Kind::kOr:
      return std::any_of(node.parts.begin(), node.parts.end(), part);
    case FilterNode::Kind::kTest:
      break;
  }
  const auto length = static_cast<uint8_t>(4 + node.test.operand.size());
  std::vector<uint8_t> program{node.test.code, length, static_cast<uint8_t>(length + 4), 0};
  program.insert(program.end(), node.test.operand.begin(), node.test.operand.end());
  require(filter_is_valid(program.data(), program.size()));
  return filter_selects(program.data(), program.size(), subject);
}

constexpr uint8_t kMapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
constexpr uint8_t kLocal[16] = {0xfd, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr uint8_t kPlain[16] = {10, 0, 0, 1};
const FilterSubject kSubjects[] = {
    {AF_INET, kPlain, kMapped, 443, 40000, 0, 0, 0, false},     {AF_INET6, kMapped, kMapped, 80, 443, 1, 1, 1, true},
    {AF_INET6, kLocal, kMapped, 65535, 0, 2, 0xffffffff, 7, true}, {AF_INET, kPlain + 4, kPlain, 0, 0, 0, 3, 0, false},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Names names;
  const auto result = compile_filter(text, names);
  if (const auto* const error = std::get_if<FilterError>(&result)) {
    require(error->column >= 1 && error->column <= size + 1 && !error->message.empty());
    return 0;
  }
  const std::vector<uint8_t>& program = std::get<Filter>(result).program;
  if (program.empty()) {
    require(filter_is_blank(text));
    return 0;
  }
  require(filter_is_valid(program.data(), program.size()));
  FilterNeeds needs;
  const FilterNode tree = parse_filter(text, names, needs);
  for (const FilterSubject& subject : kSubjects) {
    require(filter_selects(program.data(), program.size(), subject) == means(tree, subject));
  }
  return 0;
}
