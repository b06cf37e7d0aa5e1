// What this addon will not send, whoever asks: a request that could hit more than the one object meant.
#pragma once
#include <linux/netlink.h>

namespace netsoak::rtnl {

/**
 * Why a request must not be sent, or nullptr when it may. Only the message types that the reconcilers need pass at all.
 * @param message complete (nlmsg_len bytes are readable)
 */
const char* refusal(const nlmsghdr& message);

}  // namespace netsoak::rtnl
