import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilter, FilterError, filterSelects, STATE_NAMES, statesMask } from './filter.js';
import { type Address, expressions, holds, type Subject, write } from './filter.test-support.js';
import { ATTRIBUTE, attribute } from './test-messages.js';

const mapped = (address: Address): Address => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address];
const v4: readonly Address[] = [
  [10, 0, 0, 1],
  [10, 0, 0, 255],
  [10, 255, 0, 1],
  [192, 168, 1, 2],
  [0, 0, 0, 0],
];
const v6: readonly Address[] = [
  [0xfd, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [0xfd, 0, 0, 5, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 1],
  Array<number>(16).fill(0),
  // Almost IPv4-mapped, with the address of one.
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 10, 0, 0, 1],
  ...v4.slice(0, 4).map(mapped),
];
const ports = [0, 1, 79, 80, 81, 443, 32768, 65534, 65535];
const subjects = fc.constantFrom(v4, v6).chain((addresses) =>
  fc.record<Subject>({
    source: fc.constantFrom(...addresses),
    destination: fc.constantFrom(...addresses),
    sourcePort: fc.constantFrom(...ports),
    destinationPort: fc.constantFrom(...ports),
    interface: fc.constantFrom(0, 1, 2),
    mark: fc.constantFrom(0, 1, 2, 3, 7, 0xffff_ffff),
    cgroup: fc.constantFrom(0n, 1n, 0xffff_ffff_ffff_ffffn),
  }),
);

/** struct inet_diag_msg and its attributes, as the kernel would tell of the socket. */
function messageOf(subject: Subject): Uint8Array {
  const bytes = Buffer.alloc(72);
  bytes[0] = subject.source.length === 4 ? 2 : 10;
  bytes.writeUInt16BE(subject.sourcePort, 4);
  bytes.writeUInt16BE(subject.destinationPort, 6);
  bytes.set(subject.source, 8);
  bytes.set(subject.destination, 24);
  bytes.writeUInt32LE(subject.interface, 40);
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(subject.mark);
  const cgroup = Buffer.alloc(8);
  cgroup.writeBigUInt64LE(subject.cgroup);
  return Buffer.concat([bytes, attribute(ATTRIBUTE.MARK, mark), attribute(ATTRIBUTE.CGROUP_ID, cgroup)]);
}

test('a compiled filter selects exactly the sockets that its expression means, however it is written', () => {
  const trees = expressions({ addresses: [...v4, ...v6], ports, kinds: ['port', 'host', 'dev', 'mark', 'cgroup'], asSs: false });
  let selected = 0;
  let left = 0;
  fc.assert(
    fc.property(trees, fc.array(subjects, { minLength: 10, maxLength: 10 }), fc.infiniteStream(fc.nat()), (tree, sockets, choices) => {
      const text = write(tree, (count) => (choices.next().value as number) % count);
      const { program } = compileFilter(text);
      for (const socket of sockets) {
        const wanted = holds(tree, socket);
        if (wanted) selected++;
        else left++;
        expect({ text, socket, selected: filterSelects(program, messageOf(socket)) }).toEqual({ text, socket, selected: wanted });
      }
    }),
    { numRuns: 3_000 },
  );
  // Both answers, often: a compiler that always says one of them would pass a lopsided list.
  expect(Math.min(selected, left)).toBeGreaterThan(5_000);
});

describe('what ss writes in its manual', () => {
  const https: Subject = {
    source: v4[0] as Address,
    destination: v4[3] as Address,
    sourcePort: 40000,
    destinationPort: 443,
    interface: 0,
    mark: 0,
    cgroup: 0n,
  };
  const selects = (text: string, subject: Subject) => filterSelects(compileFilter(text).program, messageOf(subject));
  test.each([
    ['( dport = :ssh or sport = :ssh )', false],
    ['dport = :https', true],
    ['dport https', true],
    ['sport != :22 dport eq 443', true],
    ['dst 192.168.1/24', undefined],
    ['dst 192.168.1.0/24:443', true],
    ['src :443', false],
    ['dst :443', true],
    // or binds least, as the manual says.
    ['dport = :443 or dport = :80 and src 10.9.9.9', true],
    ['(dport = :443 or dport = :80) and src 10.9.9.9', false],
    ['not dport = :80 and src 10.0.0.1', true],
    ['', true],
    ['  ', true],
  ])('%s', (text, wanted) => {
    if (wanted === undefined) expect(() => compileFilter(text)).toThrow(FilterError);
    else expect(selects(text, https)).toBe(wanted);
  });
});

test('tells which conditions a closed socket can not be asked', () => {
  expect(compileFilter('dport = :1 and src 10.0.0.1 dev 3').unknownOfClosed).toEqual([]);
  expect(compileFilter('mark = 1 or (cgroup 7 or not autobound)').unknownOfClosed).toEqual(['mark', 'cgroup', 'autobound']);
});

describe('a wrong expression is refused at its column, with what was expected', () => {
  test.each(
    [
      ['dport = :70000', 10, /a port from 0 to 65535, found "70000"/],
      ['dport = :nosuch', 10, /no TCP service/],
      ['dport =', 8, /a port such as :443, found the end/],
      ['dport = = 1', 9, /a port such as :443, found "="/],
      ['port = :1', 1, /expected sport, dport, .* found "port"/],
      ['dport = :1 or', 14, /expected sport, .* found the end/],
      ['dport = :1 ) ', 12, /closes nothing/],
      ['(dport = :1', 12, /expected \) for the \( in column 1, found the end/],
      ['( ( dport = :1 )', 17, /in column 1/],
      ['src 10.0.0.300', 5, /names are not resolved/],
      ['src 10.0.0.0/33', 5, /a prefix length from 0 to 32/],
      ['src [fd00::/129]', 5, /a prefix length from 0 to 128/],
      ['src fd00::1', 5, /an IPv6 address stands in brackets: \[fd00::1\]/],
      ['src [fd00::1', 5, /expected \] after the address/],
      ['src [10.0.0.1]', 5, /brackets are for IPv6/],
      ['src [fd00::1]x', 14, /: and a port, found "x"/],
      ['src inet6:10.0.0.1', 11, /not of that family/],
      ['src < 10.0.0.1', 5, /src can only be compared by = and !=/],
      ['src', 4, /an address such as/],
      ['src inet:', 10, /expected an address, found nothing/],
      ['dev eth0', 5, /a name stands for another one in each namespace/],
      ['mark 0x1/', 6, /a mark such as 0x1 or 0x1\/0x3/],
      ['mark 4294967296', 6, /a mark/],
      ['cgroup /proc', 8, /no directory of a cgroup v2/],
      ['cgroup here', 8, /the directory .* or the id/],
      ['state established', 1, /states are a setting of their own/],
      ['dport = :1\0', 11, /control character/],
      [`${'('.repeat(300)}dport 1${')'.repeat(300)}`, 202, /nested deeper than 200/],
      [`${'!'.repeat(1000)}dport 1`, 202, /nested deeper than 200/],
      [Array.from({ length: 4000 }, (_, i) => `dst [fd00::${(i + 1).toString(16)}]`).join(' or '), 1, /too long/],
    ].map(([text, column, message]) => [(text as string).slice(0, 40), text as string, column as number, message as RegExp] as const),
  )('%s', (_, text, column, message) => {
    let caught: unknown;
    try {
      compileFilter(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(FilterError);
    expect({ column: (caught as FilterError).column, message: (caught as FilterError).complaint }).toEqual({
      column,
      message: expect.stringMatching(message),
    });
  });
});

describe('states by name', () => {
  test.each([
    [['all'], 0x1fff],
    [['established'], 2],
    [['established', 'listening'], 0x402],
    // The kernel keeps request sockets in a state of their own; both are syn-recv.
    [['syn-recv'], 0x1008],
    [['!syn-recv'], 0x0ff7],
    [['connected'], 0x1b7f],
    [['synchronized', '!time-wait'], 0x1b3b],
    [['big'], 0x0fb7],
    [['all', 'bound-inactive'], 0x3fff],
  ])('%s', (words, mask) => expect(statesMask(words).toString(16)).toBe(mask.toString(16)));

  test('an unknown one, an inherited property and an empty choice are refused', () => {
    expect(() => statesMask(['etablished'])).toThrow(/"etablished" is no state; states are established, /);
    expect(() => statesMask(['constructor'])).toThrow(RangeError);
    expect(() => statesMask(['established', '!established'])).toThrow(/leaves no state/);
    expect(() => statesMask([])).toThrow(/leaves no state/);
    for (const name of STATE_NAMES) expect(statesMask([name])).toBeGreaterThan(0);
  });
});
