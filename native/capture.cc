#include "capture.h"

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "encode_json.h"
#include "encode_proto.h"
#include "envelope.h"

namespace netsoak {
namespace {
/** As large as the ancestor's envelopes: consumers made for them take ours. */
constexpr size_t kFrameBytes = 768 * 1024;
/** Requests, and dumps, that are remembered: more make no difference but for garbage. */
constexpr size_t kMost = 65'536;

bool is_inet(const MessageWalk& walk) { return walk.payload_length > 0 && (walk.payload[0] == AF_INET || walk.payload[0] == AF_INET6); }
uint64_t dump_of(const MessageWalk& walk) { return uint64_t{walk.header.port} << 32 | walk.header.sequence; }
}  // namespace

CaptureDecoder::CaptureDecoder(Format format, const Identity* identity) : columns_(format) {
  if (identity != nullptr) columns_.set_identity(*identity);
}

void CaptureDecoder::packet(const uint8_t* bytes, size_t length, int64_t timestamp) {
  columns_.set_timestamp(timestamp);
  // Not zeroed, and no larger than needed.
  if (const size_t bound = row_bound(columns_.format(), columns_); bound > room_) {
    row_.reset(new char[bound]);
    room_ = bound;
  }
  MessageWalk walk(bytes, length);
  Next next;
  while ((next = walk.next()) == Next::kMessage) message(walk);
  if (next == Next::kCut) skipped.add("cut");
  if (next == Next::kJunk) skipped.add("junk");
}

void CaptureDecoder::message(const MessageWalk& walk) {
  if (walk.header.flags & NLM_F_REQUEST) {
    // struct inet_diag_req_v2: family, protocol. The older request is for TCP alone.
    const bool older = walk.header.type == TCPDIAG_GETSOCK;
    if (older || (walk.header.type == SOCK_DIAG_BY_FAMILY && is_inet(walk) && walk.payload_length >= 2)) {
      if (asked_.size() < kMost) asked_[walk.header.sequence] = older ? uint8_t{IPPROTO_TCP} : walk.payload[1];
    }
    return skipped.add("request");
  }
  switch (walk.header.type) {
    case NLMSG_DONE:
      dumps_.erase(dump_of(walk));
      return skipped.add("done");
    case NLMSG_ERROR:
      dumps_.erase(dump_of(walk));
      return skipped.add("error");
    case TCPDIAG_GETSOCK:
    case SOCK_DIAG_BY_FAMILY:
      break;
    default:
      return skipped.add("type:" + std::to_string(walk.header.type));
  }
  if (is_inet(walk)) {
    if (const uint8_t protocol = protocol_of(walk); protocol != IPPROTO_TCP) return skipped.add("protocol:" + std::to_string(protocol));
  }
  Row row;
  if (!decoder_.decode(walk.payload, walk.payload_length, row)) {
    return skipped.add(walk.payload_length < kBlockSize[kMessage] ? "cut" : "family:" + std::to_string(walk.payload[0]));
  }
  rows++;
  auto* const start = reinterpret_cast<uint8_t*>(row_.get());
  if (columns_.format() == Format::kJsonl) {
    output.append(row_.get(), static_cast<size_t>(encode_json(start, row, columns_, rows, false) - start));
    return;
  }
  const auto length = static_cast<size_t>(encode_proto(start, row, columns_, rows, false) - start);
  if (!frame_.empty() && frame_.size() + length > kFrameBytes) finish();
  frame_.append(row_.get(), length);
}

/** TCP where the capture has no request. The first part of a dump is made within the request's own send(), so it is the answer to the last one. */
uint8_t CaptureDecoder::protocol_of(const MessageWalk& walk) {
  // What is told to a group of listeners, such as destroyed sockets, has no port and answers nobody.
  if (walk.header.port == 0) return IPPROTO_TCP;
  if (const auto dump = dumps_.find(dump_of(walk)); dump != dumps_.end()) return dump->second;
  const auto asked = asked_.find(walk.header.sequence);
  if (asked == asked_.end()) return IPPROTO_TCP;
  if (walk.header.flags & NLM_F_MULTI && dumps_.size() < kMost) dumps_[dump_of(walk)] = asked->second;
  return asked->second;
}

void CaptureDecoder::finish() {
  decoder_.drain_unknown(unknown);
  if (frame_.empty()) return;
  uint8_t head[10];
  output.append(reinterpret_cast<char*>(head), static_cast<size_t>(put_varint(head, frame_.size()) - head));
  output += frame_;
  frame_.clear();
}

}  // namespace netsoak
