#include "bytecode.h"

#include <linux/inet_diag.h>
#include <string.h>
#include <sys/socket.h>

namespace netsoak {
namespace {

constexpr size_t kOp = sizeof(inet_diag_bc_op);
constexpr int kAnyPort = -1;

size_t operand_bytes(const uint8_t* operand, uint8_t code, size_t left) {
  switch (code) {
    case INET_DIAG_BC_NOP:
    case INET_DIAG_BC_JMP:
    case INET_DIAG_BC_AUTO:
      return 0;
    case INET_DIAG_BC_S_GE:
    case INET_DIAG_BC_S_LE:
    case INET_DIAG_BC_D_GE:
    case INET_DIAG_BC_D_LE:
      return kOp;
    case INET_DIAG_BC_DEV_COND:
      return sizeof(uint32_t);
    case INET_DIAG_BC_MARK_COND:
      return sizeof(inet_diag_markcond);
    case INET_DIAG_BC_CGROUP_COND:
      return sizeof(uint64_t);
    case INET_DIAG_BC_S_COND:
    case INET_DIAG_BC_D_COND: {
      if (left < sizeof(inet_diag_hostcond)) return sizeof(inet_diag_hostcond);
      const size_t address = operand[0] == AF_INET ? 4 : operand[0] == AF_INET6 ? 16 : 0;
      return sizeof(inet_diag_hostcond) + address;
    }
    default:
      return SIZE_MAX - kOp;
  }
}

bool same_bits(const uint8_t* a, const uint8_t* b, size_t bits) {
  if (memcmp(a, b, bits / 8) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool host_matches(const uint8_t* operand, const uint8_t* address, uint16_t port, uint8_t family) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  inet_diag_hostcond condition;
  memcpy(&condition, operand, sizeof condition);
  const uint8_t* const wanted = operand + sizeof condition;
  if (condition.port != kAnyPort && condition.port != port) return false;
  if (condition.family != AF_UNSPEC && condition.family != family) {
    return family == AF_INET6 && condition.family == AF_INET && memcmp(address, kMapped, sizeof kMapped) == 0 &&
           same_bits(address + sizeof kMapped, wanted, condition.prefix_len);
  }
  return condition.prefix_len == 0 || same_bits(address, wanted, condition.prefix_len);
}

bool test_holds(uint8_t code, const uint8_t* operand, const FilterSubject& subject) {
  const auto port = [&] { return load<uint16_t>(operand + offsetof(inet_diag_bc_op, no)); };
  switch (code) {
    case INET_DIAG_BC_S_GE:
      return subject.source_port >= port();
    case INET_DIAG_BC_S_LE:
      return subject.source_port <= port();
    case INET_DIAG_BC_D_GE:
      return subject.destination_port >= port();
    case INET_DIAG_BC_D_LE:
      return subject.destination_port <= port();
    case INET_DIAG_BC_AUTO:
      return subject.autobound;
    case INET_DIAG_BC_S_COND:
      return host_matches(operand, subject.source, subject.source_port, subject.family);
    case INET_DIAG_BC_D_COND:
      return host_matches(operand, subject.destination, subject.destination_port, subject.family);
    case INET_DIAG_BC_DEV_COND:
      return subject.interface == load<uint32_t>(operand);
    case INET_DIAG_BC_MARK_COND:
      return (subject.mark & load<uint32_t>(operand + 4)) == load<uint32_t>(operand);
    case INET_DIAG_BC_CGROUP_COND:
      return subject.cgroup == load<uint64_t>(operand);
    default:
      return code == INET_DIAG_BC_NOP;
  }
}

}  // namespace

FilterSubject subject_of(const Row& row) {
  const uint8_t* const message = row.data[kMessage];
  FilterSubject subject{};
  subject.family = message[offsetof(inet_diag_msg, idiag_family)];
  subject.source = message + offsetof(inet_diag_msg, id.idiag_src);
  subject.destination = message + offsetof(inet_diag_msg, id.idiag_dst);
  subject.source_port = load_be16(message + offsetof(inet_diag_msg, id.idiag_sport));
  subject.destination_port = load_be16(message + offsetof(inet_diag_msg, id.idiag_dport));
  subject.interface = load<uint32_t>(message + offsetof(inet_diag_msg, id.idiag_if));
  if (row.length[kMark] != 0) subject.mark = load<uint32_t>(row.data[kMark]);
  if (row.length[kCgroupId] != 0) subject.cgroup = load<uint64_t>(row.data[kCgroupId]);
  return subject;
}

bool filter_is_valid(const uint8_t* program, size_t length) {
  if (length < kOp) return false;
  const auto is_op = [&](size_t wanted) {
    size_t at = 0;
    while (at < wanted) {
      const uint8_t yes = program[at + offsetof(inet_diag_bc_op, yes)];
      if (yes < 4 || yes & 3) return false;
      at += yes;
    }
    return at == wanted;
  };
  for (size_t at = 0; at < length;) {
    const size_t left = length - at;
    if (left < kOp) return false;
    inet_diag_bc_op op;
    memcpy(&op, program + at, sizeof op);
    const size_t least = kOp + operand_bytes(program + at + kOp, op.code, left - kOp);
    if (least > left) return false;
    if (op.code == INET_DIAG_BC_S_COND || op.code == INET_DIAG_BC_D_COND) {
      const uint8_t family = program[at + kOp], prefix = program[at + kOp + 1];
      const unsigned bits = family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
      if (prefix > bits || (bits == 0 && family != AF_UNSPEC)) return false;
    }
    if (op.code != INET_DIAG_BC_NOP) {
      if (op.no < least || op.no > left + 4 || op.no & 3) return false;
      if (op.no < left && !is_op(at + op.no)) return false;
    }
    if (op.yes < least || op.yes > left || op.yes & 3) return false;
    at += op.yes;
  }
  return true;
}

bool filter_selects(const uint8_t* program, size_t length, const FilterSubject& subject) {
  size_t at = 0;
  while (at < length) {
    inet_diag_bc_op op;
    memcpy(&op, program + at, sizeof op);
    at += test_holds(op.code, program + at + kOp, subject) ? op.yes : op.no;
  }
  return at == length;
}

}  // namespace netsoak
