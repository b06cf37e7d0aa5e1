#include "ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "netns.h"

namespace netsoak {
namespace {
/** A text of the driver's, which need not end in its field; drivers say "N/A" for what they have not. */
std::string text_of(const char* field, size_t size) {
  std::string text(field, strnlen(field, size));
  return text == "N/A" ? "" : text;
}
}  // namespace

bool driver_of(const std::string& interface, DriverInfo& info) {
  ethtool_drvinfo answer{};
  answer.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  if (interface.empty() || interface.size() >= sizeof request.ifr_name) return false;
  memcpy(request.ifr_name, interface.data(), interface.size());
  request.ifr_data = reinterpret_cast<char*>(&answer);
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open() || ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return false;
  info.driver = text_of(answer.driver, sizeof answer.driver);
  info.bus_info = text_of(answer.bus_info, sizeof answer.bus_info);
  info.firmware = text_of(answer.fw_version, sizeof answer.fw_version);
  return true;
}

}  // namespace netsoak
