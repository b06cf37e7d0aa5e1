import { addon } from './addon.js';

/** What the driver of a network interface says of itself; '' for what it has not. */
export interface DriverInfo {
  readonly driver: string;
  readonly busInfo: string;
  readonly firmware: string;
}

/** By ethtool, which takes no right. Undefined when there is no such interface here, or its driver does not say. */
export function driverInfo(name: string): DriverInfo | undefined {
  return addon().driverInfo(name);
}
