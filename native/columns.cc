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
  prefix_.clear();
  suffix_[0].clear();
  suffix_[1].clear();
}

void Columns::set_identity(const Identity& identity) {
  identity_ = identity;
  identified_ = true;
  build();
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
  return before_.size() + after_.size() + kTimestamp + std::max(suffix_[0].size(), suffix_[1].size());
}

}  // namespace netsoak
