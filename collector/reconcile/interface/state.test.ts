import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InterfaceAddress, Link } from '../../../native/rtnl/link.js';
import type { Route } from '../../../native/rtnl/route.js';
import { interfaceChanges, interfaceState } from './state.js';

const link = (index: number, over: Partial<Link> = {}): Link => ({
  index,
  name: `v${index}`,
  flags: 1,
  mac: '',
  operstate: 6,
  master: 0,
  mtu: 1500,
  kind: 'veth',
  carrierChanges: 1,
  ...over,
});
const address = (index: number, text: string, prefixLength = 24, flags = 0): InterfaceAddress => ({
  family: 4,
  index,
  address: text,
  prefixLength,
  scope: 0,
  flags,
});
const defaultVia = (gateway: string, over: Partial<Route> = {}): Route => ({
  family: 4,
  table: 254,
  destination: '0.0.0.0',
  prefixLength: 0,
  tos: 0,
  priority: 0,
  protocol: 3,
  type: 1,
  scope: 0,
  prefsrc: '',
  mtu: 0,
  nexthopId: 0,
  nexthops: [{ gateway, oif: 1, weight: 1, flags: 0 }],
  flags: 0,
  ...over,
});

describe('interface state', () => {
  it('IF-4 sees an address move between links, and change its prefix length', () => {
    const links = [link(1), link(2)];
    const before = interfaceState(links, [address(1, '10.0.0.1')], []);
    expect(interfaceChanges(before, interfaceState(links, [address(2, '10.0.0.1')], []))).toEqual([
      { kind: 'changed', index: 1, name: 'v1', fields: ['addresses'] },
      { kind: 'changed', index: 2, name: 'v2', fields: ['addresses'] },
    ]);
    expect(interfaceChanges(before, interfaceState(links, [address(1, '10.0.0.1', 16)], []))).toHaveLength(1);
    expect(interfaceChanges(before, interfaceState(links, [address(1, '10.0.0.1', 24, 0x40)], []))).toHaveLength(1);
  });

  it('IF-4 is equal whatever the order, and whatever the counters say', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 }), fc.nat(), (order, flaps) => {
        const addresses = [address(1, '10.0.0.1'), address(1, '10.0.0.2'), address(3, '10.0.3.1'), address(4, '10.0.4.1')];
        const before = interfaceState(
          [1, 2, 3, 4].map((i) => link(i)),
          addresses,
          [],
        );
        const now = interfaceState(
          order.map((i) => link(i, { carrierChanges: flaps })),
          order.map((i) => addresses[i - 1] as InterfaceAddress),
          [],
        );
        expect(interfaceChanges(before, now)).toEqual([]);
      }),
    );
  });

  it.each(['name', 'flags', 'mac', 'operstate', 'master', 'mtu', 'kind'] as const)('IF-1 sees a change of %s', (field) => {
    const before = interfaceState([link(1)], [], []);
    const now = interfaceState([link(1, { [field]: typeof link(1)[field] === 'number' ? 77 : 'other' })], [], []);
    expect(interfaceChanges(before, now)).toMatchObject([{ kind: 'changed', index: 1, fields: [field] }]);
  });

  it('IF-1 takes the default route of the lowest metric for each family, and no other route', () => {
    const routes = [
      defaultVia('10.0.0.9', { priority: 100 }),
      defaultVia('10.0.0.1', { priority: 50 }),
      defaultVia('fe80::1', { family: 6, priority: 1024 }),
      defaultVia('10.0.0.7', { prefixLength: 8 }),
    ];
    expect(interfaceState([], [], routes).defaults).toEqual({
      4: { gateway: '10.0.0.1', interface: 1, priority: 50 },
      6: { gateway: 'fe80::1', interface: 1, priority: 1024 },
    });
    const without = interfaceState([], [], routes.slice(0, 1));
    expect(interfaceChanges(interfaceState([], [], routes), without).map(({ name, fields }) => [name, fields])).toEqual([
      ['IPv4', ['gateway', 'priority']],
      ['IPv6', ['gateway', 'interface', 'priority']],
    ]);
  });

  it('IF-1 tells added and removed links', () => {
    const changes = interfaceChanges(interfaceState([link(1)], [], []), interfaceState([link(2)], [], []));
    expect(changes.map(({ kind, name }) => [kind, name])).toEqual([
      ['added', 'v2'],
      ['removed', 'v1'],
    ]);
  });
});
