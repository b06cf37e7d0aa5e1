// A datagram socket of a Unix path, which Node does not have.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace netsoak {

/** A non-blocking SOCK_DGRAM socket that is connected to the receiver at `path`; -errno when there is none. */
int connect_unix_datagram(const std::string& path);

/** Sends one datagram, whole or not at all. 0, or an errno: EAGAIN when the receiver's queue is full. */
int send_datagram(int fd, const uint8_t* bytes, size_t length);

}  // namespace netsoak
