// What the driver of a network interface says of itself.
#pragma once
#include <string>

namespace netsoak {

struct DriverInfo {
  std::string driver, bus_info, firmware;
};

/** ETHTOOL_GDRVINFO (linux/ethtool.h), for an interface of this process's namespace. False: no such interface, or its driver does not say. */
bool driver_of(const std::string& interface, DriverInfo& info);

}  // namespace netsoak
