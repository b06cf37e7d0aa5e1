/**
 * Which of the fields of the ancestor's flat record (`wire-fields.csv`: number, name, type) this collector fills, from what, made from the list of
 * columns that the native encoder has. `WIRE.md` is its output; a test holds it current: `npm run wire-table > collector/WIRE.md`. Pure.
 */

export interface EncodedField {
  readonly number: number;
  readonly name: string;
  readonly type: string;
  /** Block of `native/fields.def`, or `own`. */
  readonly source: string;
}

/** Filled where an operator or the host gives something to fill them with. */
const OPTIONAL: readonly (readonly [RegExp, string])[] = [
  [/^(location|label|tag)$/, 'configuration'],
  [/^container_(id|runtime)$/, 'the cgroup of the processes in the namespace; absent outside containers'],
  [/^uplink[12]_/, 'ethtool and sysfs, of the interfaces that `uplinks` names'],
];

const RESERVED: readonly (readonly [RegExp, string])[] = [
  [/_lldp_/, 'takes an LLDP daemon'],
  [/_asn$/, 'takes a routing table with AS paths'],
  [/^container_(name|image)$/, 'only the container runtime knows it'],
  [/^nsid$/, "means something in the collector's own namespace alone: netns_cookie instead"],
  [/^(socket_fd|netlinker_id)$/, "of the ancestor's own workings"],
];

const OWN: Readonly<Record<string, string>> = {
  schema_version: '1',
  daemon_version: 'netsoakd --version',
  timestamp_ns: 'CLOCK_REALTIME when the receive that brought the row returned',
  hostname: 'configuration, or the kernel',
  netns: 'bind mount, container, or inode',
  netns_inode: 'st_ino of the namespace',
  record_counter: 'rows of this namespace in this poll, from 1',
};

/** Blocks of `native/fields.def` as the kernel calls them. */
const BLOCKS: Readonly<Record<string, string>> = {
  kMessage: 'struct inet_diag_msg',
  kMeminfo: 'INET_DIAG_MEMINFO',
  kInfo: 'INET_DIAG_INFO',
  kVegas: 'INET_DIAG_VEGASINFO',
  kCongestion: 'INET_DIAG_CONG',
  kTos: 'INET_DIAG_TOS',
  kTrafficClass: 'INET_DIAG_TCLASS',
  kSkMeminfo: 'INET_DIAG_SKMEMINFO',
  kShutdown: 'INET_DIAG_SHUTDOWN',
  kDctcp: 'INET_DIAG_DCTCPINFO',
  kBbr: 'INET_DIAG_BBRINFO',
  kClassId: 'INET_DIAG_CLASS_ID',
  kSockOpt: 'INET_DIAG_SOCKOPT',
  kCgroupId: 'INET_DIAG_CGROUP_ID',
};

/**
 * @param csv the text of `wire-fields.csv`
 * @param encoded every column that the encoder fills
 * @throws Error when a field is neither encoded nor reserved, or is encoded otherwise than the record has it
 */
export function wireTable(csv: string, encoded: readonly EncodedField[]): string {
  const byNumber = new Map(encoded.map((field) => [field.number, field]));
  const counts = { filled: 0, optional: 0, reserved: 0 };
  const lines = csv
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [number = '', name = '', type = ''] = line.split(',');
      const field = byNumber.get(Number(number));
      if (field !== undefined && (field.name !== name || field.type !== type)) {
        throw new Error(`Field ${number} is ${name} (${type}) on the wire, and ${field.name} (${field.type}) in native/fields.def.`);
      }
      const because = (of: readonly (readonly [RegExp, string])[]) => of.find(([pattern]) => pattern.test(name))?.[1];
      const reserved = because(RESERVED);
      const optional = because(OPTIONAL);
      if ((field === undefined) !== (reserved !== undefined))
        throw new Error(`Field ${number} ${name} must be either encoded or reserved.`);
      const status = reserved !== undefined ? 'reserved' : optional !== undefined ? 'optional' : 'filled';
      counts[status]++;
      const from = reserved ?? optional ?? OWN[name] ?? BLOCKS[field?.source ?? ''];
      if (from === undefined) throw new Error(`Nothing says where field ${number} ${name} comes from.`);
      return `| ${number} | ${name} | ${type} | ${status} | ${from} |`;
    });
  return `# Fields of the flat record

Made by \`npm run wire-table\`; do not edit. Of ${lines.length} fields ${counts.filled} are filled, ${counts.optional} optional and ${counts.reserved} reserved (never sent). Kernel
attributes are filled where the kernel sends them. Columns of ours, from 3000 on, are in [netsoak.proto](netsoak.proto).

| number | name | type | status | from |
| ------ | ---- | ---- | ------ | ---- |
${lines.join('\n')}
`;
}
