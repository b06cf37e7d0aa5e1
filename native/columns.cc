#include "columns.h"

#include <algorithm>

#include "encode_json.h"
#include "encode_proto.h"

namespace netsoak {
namespace {

constexpr uint64_t kSchemaVersion = 1;

/** Appends columns in either format. What is empty is not sent; a number that is 0 is sent in JSON only. */
class ColumnWriter {
 public:
  ColumnWriter(Format format, std::string& out) : format_(format), out_(out) {}
  void text(uint32_t number, const char* name, const std::string& value) {
    if (value.empty()) return;
    if (format_ == Format::kProtobuf) {
      proto_text(out_, number, value);
    } else {
      json_key(out_, name);
      json_text(out_, value);
      out_ += ',';
    }
  }
  /** `wide`: a 64-bit column, which JSON writes as a decimal string. */
  void number(uint32_t number, const char* name, uint64_t value, bool wide) {
    if (format_ == Format::kProtobuf) {
      proto_number(out_, number, value);
    } else {
      json_key(out_, name);
      const std::string digits = std::to_string(value);
      out_ += wide ? '"' + digits + '"' : digits;
      out_ += ',';
    }
  }
  /** A number that nobody knows when it is 0. */
  void known(uint32_t column, const char* name, uint32_t value) {
    if (value != 0) number(column, name, value, false);
  }
  void kind(Kind value) {
    if (format_ == Format::kProtobuf) {
      proto_number(out_, 3002, static_cast<uint64_t>(value));
    } else {
      text(3002, "kind", value == Kind::kClosed ? "closed" : "poll");
    }
  }

 private:
  Format format_;
  std::string& out_;
};

}  // namespace

void Columns::clear() {
  identified_ = false;
  before_.clear();
  after_.clear();
  uplinks_.clear();
  prefix_.clear();
  suffix_[0].clear();
  suffix_[1].clear();
}

void Columns::set_identity(const Identity& identity) {
  identity_ = identity;
  identified_ = true;
  build();
  uplinks_.clear();
  ColumnWriter writer(format_, uplinks_);
#define UPLINK(first, which, prefix)                                                     \
  {                                                                                      \
    const Uplink& uplink = identity.uplinks[which];                                      \
    writer.text(first, prefix "_ifname", uplink.name);                                   \
    writer.text(first + 1, prefix "_nic_driver", uplink.driver);                         \
    writer.text(first + 2, prefix "_nic_model", uplink.model);                           \
    writer.known(first + 3, prefix "_nic_pci_vendor", uplink.pci_vendor);                \
    writer.known(first + 4, prefix "_nic_pci_device", uplink.pci_device);                \
    writer.text(first + 5, prefix "_nic_bus_info", uplink.bus_info);                     \
    writer.known(first + 6, prefix "_nic_speed_mbps", uplink.speed_mbps);                \
    writer.text(first + 7, prefix "_nic_fw_version", uplink.firmware);                   \
  }
  UPLINK(100, 0, "uplink1")
  UPLINK(200, 1, "uplink2")
#undef UPLINK
}

void Columns::set_namespace(const NamespaceColumns& columns, uint64_t poll_id, Kind kind) {
  namespace_ = columns;
  build();
  for (int interrupted = 0; interrupted < 2; interrupted++) {
    std::string& suffix = suffix_[interrupted];
    suffix.clear();
    ColumnWriter writer(format_, suffix);
    if (columns.cookie != 0) writer.number(3000, "netns_cookie", columns.cookie, true);
    writer.number(3001, "poll_id", poll_id, true);
    writer.kind(kind);
    writer.number(3003, "dump_interrupted", static_cast<uint64_t>(interrupted), false);
    if (columns.cookie == 0 && columns.generation != 0) writer.number(3004, "netns_generation", columns.generation, true);
  }
}

void Columns::build() {
  before_.clear();
  after_.clear();
  ColumnWriter before(format_, before_);
  before.number(1, "schema_version", kSchemaVersion, false);
  before.text(2, "daemon_version", identity_.daemon_version);
  ColumnWriter after(format_, after_);
  after.text(20, "hostname", identity_.hostname);
  after.text(21, "location", identity_.location);
  after.text(30, "netns", namespace_.name);
  if (namespace_.inode != 0) after.number(31, "netns_inode", namespace_.inode, true);
  after.text(40, "container_id", namespace_.container_id);
  after.text(41, "container_runtime", namespace_.container_runtime);
  after.text(50, "label", identity_.label);
  after.text(51, "tag", identity_.tag);
}

void Columns::set_timestamp(int64_t nanoseconds) {
  prefix_ = before_;
  if (nanoseconds != 0) ColumnWriter(format_, prefix_).number(10, "timestamp_ns", static_cast<uint64_t>(nanoseconds), true);
  prefix_ += after_;
}

size_t Columns::longest() const {
  constexpr size_t kTimestamp = 48;
  return before_.size() + after_.size() + uplinks_.size() + kTimestamp + std::max(suffix_[0].size(), suffix_[1].size());
}

}  // namespace netsoak
