// The byte code of INET_DIAG_REQ_BYTECODE, checked and run as the kernel does (net/ipv4/inet_diag.c): for sockets that come to us without
// a dump, whose filter the kernel can't apply.
#pragma once
#include <cstddef>
#include <cstdint>

#include "row.h"

namespace netsoak {

/** A socket as the kernel shows it to a program. */
struct FilterSubject {
  uint8_t family;
  /** IPv4 in the first four bytes. */
  const uint8_t* source;
  const uint8_t* destination;
  uint16_t source_port, destination_port;
  uint32_t interface;
  uint32_t mark = 0;
  uint64_t cgroup = 0;
  bool autobound = false;
};

/** Of a socket that came as a message. Mark and cgroup are 0 when it does not tell them; `autobound` is never told. */
FilterSubject subject_of(const Row& row);

/** Whether the kernel would take the program: inet_diag_bc_audit of net/ipv4/inet_diag.c. */
bool filter_is_valid(const uint8_t* program, size_t length);
/** Runs a valid program as the kernel does (inet_diag_bc_run). */
bool filter_selects(const uint8_t* program, size_t length, const FilterSubject& subject);

}  // namespace netsoak
