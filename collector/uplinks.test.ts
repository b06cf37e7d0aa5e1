import { expect, it } from 'vitest';
import { uplinksOf } from './uplinks.js';

const IDS =
  '# comment\n8086  Intel Corporation\n\t1521  I350 Gigabit Network Connection\n\t1572  Ethernet Controller X710\n\t\t1028 0000  a part\n15b3  Mellanox\n\t1572  something else\n';
const files: Record<string, string> = {
  '/sys/class/net/eth0/device/vendor': '0x8086\n',
  '/sys/class/net/eth0/device/device': '0x1572\n',
  '/sys/class/net/eth0/speed': '10000\n',
  '/sys/class/net/veth1/speed': '-1\n',
  '/usr/share/misc/pci.ids': IDS,
};
const sources = {
  read: (path: string) => files[path],
  driver: (name: string) => (name === 'eth0' ? { driver: 'i40e', busInfo: '0000:3b:00.0', firmware: '7.10' } : undefined),
};

it('tells of a network card what ethtool, sysfs and the list of PCI devices know', () => {
  expect(uplinksOf(['eth0'], sources)).toEqual([
    {
      name: 'eth0',
      driver: 'i40e',
      model: 'Intel Corporation Ethernet Controller X710',
      pciVendor: 0x8086,
      pciDevice: 0x1572,
      busInfo: '0000:3b:00.0',
      speedMbps: 10_000,
      firmware: '7.10',
    },
  ]);
});

it('leaves empty what is not known: a virtual interface, a link that is down, a name that nobody has', () => {
  const bare = { driver: '', model: '', pciVendor: 0, pciDevice: 0, busInfo: '', speedMbps: 0, firmware: '' };
  expect(uplinksOf(['veth1', 'nosuch'], sources)).toEqual([
    { name: 'veth1', ...bare },
    { name: 'nosuch', ...bare },
  ]);
});

it('asks this host without failing', () => {
  expect(uplinksOf(['lo'])).toMatchObject([{ name: 'lo', pciVendor: 0 }]);
});
