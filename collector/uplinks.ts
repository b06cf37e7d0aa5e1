/**
 * What ethtool and sysfs tell of the network interfaces that `uplinks` names, for columns 100 to 107 and 200 to 207: asked once, when a reader
 * is opened. Nothing here fails: what is not known is not sent.
 */
import fs from 'node:fs';
import { type DriverInfo, driverInfo, type Uplink } from '../native/index.js';

/** Where distributions keep the names of PCI devices. */
const PCI_IDS = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'] as const;

export interface UplinkSources {
  /** Text of a file, undefined when there is none. */
  readonly read: (path: string) => string | undefined;
  readonly driver: (name: string) => DriverInfo | undefined;
}

export function uplinksOf(names: readonly string[], sources: UplinkSources = hostSources): readonly Uplink[] {
  return names.map((name) => uplinkOf(name, sources));
}

function uplinkOf(name: string, { read, driver }: UplinkSources): Uplink {
  const attribute = (file: string) => read(`/sys/class/net/${name}/${file}`)?.trim() ?? '';
  const number = (text: string) => {
    const value = Number(text);
    // A link that is down has a speed of -1, and some a file that can't be read.
    return Number.isInteger(value) && value > 0 && value <= 0xffff_ffff ? value : 0;
  };
  const info = driver(name);
  const pciVendor = number(attribute('device/vendor'));
  const pciDevice = number(attribute('device/device'));
  // virtio has vendor and device too, of its own; names stand in the list by PCI's.
  const ids = pciVendor === 0 ? undefined : PCI_IDS.map(read).find((text) => text !== undefined);
  return {
    name,
    driver: info?.driver ?? '',
    model: ids === undefined ? '' : modelOf(ids, pciVendor, pciDevice),
    pciVendor,
    pciDevice,
    busInfo: info?.busInfo ?? '',
    speedMbps: number(attribute('speed')),
    firmware: info?.firmware ?? '',
  };
}

/** Vendor and device by pci.ids(5): `8086  Intel Corporation`, and below it a tab and `1572  Ethernet Controller X710 ...`. */
function modelOf(ids: string, vendor: number, device: number): string {
  const hex = (value: number) => value.toString(16).padStart(4, '0');
  const start = ids.search(new RegExp(`^${hex(vendor)}  `, 'm'));
  if (start < 0) return '';
  const [head = '', ...lines] = ids.slice(start).split('\n');
  const maker = head.slice(6).trim();
  for (const line of lines) {
    if (!line.startsWith('\t') && line !== '' && !line.startsWith('#')) break;
    if (line.startsWith(`\t${hex(device)}  `)) return `${maker} ${line.slice(7).trim()}`;
  }
  return maker;
}

const hostSources: UplinkSources = {
  read(path) {
    try {
      return fs.readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  driver: driverInfo,
};
