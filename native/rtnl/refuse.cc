#include "refuse.h"

#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <cstdint>

namespace netsoak::rtnl {
namespace {

constexpr char kCut[] = "the message is shorter than the header of its type";

/** The fixed header after nlmsghdr; false when the message ends before it does. */
template <typename T>
bool header(const nlmsghdr& message, T& out) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(T))) return false;
  memcpy(&out, NLMSG_DATA(&message), sizeof(T));
  return true;
}

/** Whether an attribute of this type follows the fixed header. */
bool has(const nlmsghdr& message, size_t fixed, uint16_t type) {
  const auto* at = reinterpret_cast<const uint8_t*>(&message) + NLMSG_SPACE(fixed);
  const auto* end = reinterpret_cast<const uint8_t*>(&message) + message.nlmsg_len;
  while (at + sizeof(nlattr) <= end) {
    nlattr attribute;
    memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) return false;
    if ((attribute.nla_type & NLA_TYPE_MASK) == type) return true;
    at += NLA_ALIGN(attribute.nla_len);
  }
  return false;
}

/** Kernel: handle 0 deletes every filter of that priority, priority 0 flushes the whole chain (net/sched/cls_api.c, tc_del_tfilter). */
const char* delete_filter(const nlmsghdr& message) {
  tcmsg tc;
  if (!header(message, tc)) return kCut;
  if (tc.tcm_ifindex <= 0) return "a filter deletion needs the index of its interface";
  if (tc.tcm_handle == 0) return "a filter deletion with handle 0 deletes every filter of that priority";
  if (TC_H_MAJ(tc.tcm_info) == 0) return "a filter deletion with priority 0 flushes the whole chain";
  if (!has(message, sizeof tc, TCA_KIND)) return "a filter deletion needs the kind of the filter";
  return nullptr;
}

const char* delete_class(const nlmsghdr& message) {
  tcmsg tc;
  if (!header(message, tc)) return kCut;
  if (tc.tcm_ifindex <= 0) return "a class deletion needs the index of its interface";
  if (TC_H_MAJ(tc.tcm_handle) == 0 || TC_H_MIN(tc.tcm_handle) == 0) return "a class deletion needs a whole class id, major and minor";
  return nullptr;
}

/** Replacing would hand one class or filter to two owners when their ids collide. Changing one that exists (no CREATE) is fine. */
const char* create_tc(const nlmsghdr& message) {
  tcmsg tc;
  if (!header(message, tc)) return kCut;
  if (tc.tcm_ifindex <= 0) return "a tc object needs the index of its interface";
  if ((message.nlmsg_flags & NLM_F_CREATE) != 0 && (message.nlmsg_flags & NLM_F_EXCL) == 0) return "a tc object is created exclusively or not at all";
  return nullptr;
}

/** Protocol 0 is a wildcard in a route deletion: it would take whatever route of that prefix comes first, whoever owns it. */
const char* delete_route(const nlmsghdr& message) {
  rtmsg route;
  if (!header(message, route)) return kCut;
  if (route.rtm_protocol == RTPROT_UNSPEC) return "a route deletion needs the protocol of its owner";
  if (route.rtm_table == RT_TABLE_UNSPEC && !has(message, sizeof route, RTA_TABLE)) return "a route deletion needs its table";
  if (route.rtm_dst_len != 0 && !has(message, sizeof route, RTA_DST)) return "a route deletion needs its destination";
  return nullptr;
}

const char* delete_link(const nlmsghdr& message) {
  ifinfomsg link;
  if (!header(message, link)) return kCut;
  if (link.ifi_index <= 0) return "a link deletion needs the index of the link";
  return has(message, sizeof link, IFLA_GROUP) ? "a link deletion by group deletes every link of it" : nullptr;
}

}  // namespace

const char* refusal(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_GETLINK:
    case RTM_GETADDR:
    case RTM_GETROUTE:
    case RTM_GETRULE:
    case RTM_GETQDISC:
    case RTM_GETTCLASS:
    case RTM_GETTFILTER:
    case RTM_GETNEXTHOP:
    case RTM_NEWROUTE:
      return nullptr;
    case RTM_DELTFILTER:
      return delete_filter(message);
    case RTM_DELTCLASS:
      return delete_class(message);
    case RTM_NEWQDISC:
    case RTM_NEWTCLASS:
    case RTM_NEWTFILTER:
      return create_tc(message);
    case RTM_DELROUTE:
      return delete_route(message);
    case RTM_DELLINK:
      return delete_link(message);
    default:
      return "no reconciler needs this message type";
  }
}

}  // namespace netsoak::rtnl
