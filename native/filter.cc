#include "filter.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <netdb.h>
#include <string.h>
#include <sys/vfs.h>

#include <utility>

#include "filter_tree.h"

namespace netsoak {
namespace {

constexpr size_t kOp = sizeof(inet_diag_bc_op);
/** A jump counts bytes in 16 bits, and may go to 4 behind the end. */
constexpr size_t kMostBytes = 0xffff - 7;

template <typename T>
T load_at(const void* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

/**
 * Jumping code: a test that holds falls through, one that fails jumps forward. The auditor walks from op to op by `yes`, so `yes` is always the
 * length of the op, and a jump after a test that holds is an op of its own.
 */
class Emitter {
 public:
  std::vector<uint8_t> program;

  void emit(const FilterNode& tree) {
    const Label accept = label(), reject = label();
    emit(tree, accept, reject, accept);
    place(accept);
    targets_[reject] = program.size() + kOp;
    for (const auto& [at, to] : jumps_) {
      const auto distance = static_cast<uint16_t>(targets_[to] - at);
      memcpy(&program[at + offsetof(inet_diag_bc_op, no)], &distance, sizeof distance);
    }
  }

 private:
  using Label = size_t;

  Label label() {
    targets_.push_back(0);
    return targets_.size() - 1;
  }
  void place(Label label) { targets_[label] = program.size(); }

  /** Goes to `yes` or `no`; `next` is the one that stands right behind. */
  void emit(const FilterNode& node, Label yes, Label no, Label next) {
    switch (node.kind) {
      case FilterNode::Kind::kNot:
        return emit(node.parts[0], no, yes, next);
      case FilterNode::Kind::kAnd:
      case FilterNode::Kind::kOr:
        for (size_t i = 0; i + 1 < node.parts.size(); i++) {
          const Label rest = label();
          if (node.kind == FilterNode::Kind::kAnd) {
            emit(node.parts[i], rest, no, rest);
          } else {
            emit(node.parts[i], yes, rest, rest);
          }
          place(rest);
        }
        return emit(node.parts.back(), yes, no, next);
      case FilterNode::Kind::kTest:
        op(node.test.code, node.test.operand, no);
        if (yes != next) op(INET_DIAG_BC_JMP, {}, yes);
    }
  }

  void op(uint8_t code, const std::vector<uint8_t>& operand, Label no) {
    jumps_.push_back({program.size(), no});
    const inet_diag_bc_op head{code, static_cast<uint8_t>(kOp + operand.size()), 0};
    const auto* const bytes = reinterpret_cast<const uint8_t*>(&head);
    program.insert(program.end(), bytes, bytes + kOp);
    program.insert(program.end(), operand.begin(), operand.end());
  }

  std::vector<size_t> targets_;
  std::vector<std::pair<size_t, Label>> jumps_;
};

class HostNames : public FilterNames {
 public:
  std::optional<uint16_t> port(const std::string& service) const override {
    servent entry{}, *found = nullptr;
    char strings[4096];
    if (getservbyname_r(service.c_str(), "tcp", &entry, strings, sizeof strings, &found) != 0 || found == nullptr) return std::nullopt;
    return ntohs(static_cast<uint16_t>(found->s_port));
  }

  /** kernfs says the id of a cgroup as its file handle. */
  std::optional<uint64_t> cgroup(const std::string& path) const override {
    constexpr long kCgroup2 = 0x63677270;  // linux/magic.h
    struct statfs system;
    if (statfs(path.c_str(), &system) != 0 || system.f_type != kCgroup2) return std::nullopt;
    alignas(file_handle) uint8_t bytes[sizeof(file_handle) + sizeof(uint64_t)];
    auto* const handle = reinterpret_cast<file_handle*>(bytes);
    handle->handle_bytes = sizeof(uint64_t);
    int mount;
    if (name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0) != 0 || handle->handle_bytes != sizeof(uint64_t)) return std::nullopt;
    return load_at<uint64_t>(handle->f_handle);
  }
};

}  // namespace

const FilterNames& host_filter_names() {
  static const HostNames names;
  return names;
}

std::variant<Filter, FilterError> compile_filter(const std::string& text, const FilterNames& names) {
  Filter filter;
  try {
    if (filter_is_blank(text)) return filter;
    Emitter emitter;
    emitter.emit(parse_filter(text, names, filter.needs));
    if (emitter.program.size() > kMostBytes) {
      return FilterError{1, "the filter is too long: its program takes " + std::to_string(emitter.program.size()) + " bytes, at most " +
                                std::to_string(kMostBytes) + " fit"};
    }
    filter.program = std::move(emitter.program);
    return filter;
  } catch (FilterError& error) {
    return std::move(error);
  }
}

}  // namespace netsoak
