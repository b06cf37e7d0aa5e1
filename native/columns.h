// The columns of a row that the kernel does not send, encoded once: those before the kernel's (prefix) for each receive,
// those after (suffix) for each namespace and poll. Each row copies them as bytes.
#pragma once
#include <cstdint>
#include <string>

namespace netsoak {

enum class Format { kProtobuf, kJsonl };

/** A network interface as ethtool and sysfs describe it; what is not known is empty or 0. */
struct Uplink {
  std::string name, driver, model, bus_info, firmware;
  uint32_t pci_vendor = 0, pci_device = 0, speed_mbps = 0;
};

/** Columns that the operator and the host give; the same for a reader's whole life. */
struct Identity {
  std::string daemon_version, hostname, location, label, tag;
  Uplink uplinks[2] = {};
};

/** Columns of one namespace. */
struct NamespaceColumns {
  std::string name;
  uint64_t inode = 0;
  std::string container_id, container_runtime;
  /** 0 before Linux 5.14, which has none. */
  uint64_t cookie = 0;
  /** Tells namespaces with the same inode apart where there is no cookie: sent only then. */
  uint64_t generation = 0;
};

/** RowKind of collector/netsoak.proto. */
enum class Kind : uint8_t { kUnspecified = 0, kPoll = 1, kClosed = 2 };

class Columns {
 public:
  explicit Columns(Format format) : format_(format) {}
  /** Rows that only tell what the messages tell: no column of ours but the timestamp. */
  void clear();
  void set_identity(const Identity& identity);
  void set_namespace(const NamespaceColumns& columns, uint64_t poll_id, Kind kind);
  /** CLOCK_REALTIME when the receive that brought the rows returned; 0 when unknown. */
  void set_timestamp(int64_t nanoseconds);
  /** Whether rows carry `record_counter`: not when they stem from a capture. */
  bool counts() const { return identified_; }

  Format format() const { return format_; }
  const std::string& prefix() const { return prefix_; }
  /** What follows the counter and is the same for the whole life. */
  const std::string& uplinks() const { return uplinks_; }
  const std::string& suffix(bool interrupted) const { return suffix_[interrupted ? 1 : 0]; }
  /** Bytes of the longest prefix and suffix together. */
  size_t longest() const;

 private:
  void build();
  Format format_;
  bool identified_ = false;
  Identity identity_;
  /** Prefix before and after the timestamp. */
  std::string before_, after_;
  std::string uplinks_;
  std::string prefix_, suffix_[2];
  NamespaceColumns namespace_;
};

}  // namespace netsoak
