/**
 * How large a pipeline has to be, by calculation: pure. What a row takes was measured (sizing.long.test.ts measures again); what a
 * partition or a shard can take depends on its machine, so those figures are assumptions, printed with the answer.
 */

/** Bytes of a row in an envelope: 320 for sockets of IPv4 on a loopback, with all attributes. */
export const WIRE_BYTES = 320;
/** Bytes of a row in ClickHouse, merged, sorted by socket and compressed: 49 for the same sockets with traffic on one in ten. */
export const DISK_BYTES = 49;

/** Assumptions, each on the careful side of what their makers publish. */
export const ASSUMED = {
  /** Bytes a second that one partition takes with acks = all and three replicas. */
  partitionBytesPerSecond: 5e6,
  /** Rows a second that one shard parses, inserts and merges, with 200 columns. */
  shardRowsPerSecond: 100_000,
  /** Bytes of rows that a shard should keep. */
  shardBytes: 4e12,
  /** Copies of each message and of each part. */
  replicas: { kafka: 3, clickhouse: 2 },
  /** How long Kafka keeps messages, so that ClickHouse may be away. */
  kafkaHours: 24,
  /** Room that is left: a load is not the same at every moment. */
  headroom: 2,
} as const;

export interface Fleet {
  readonly hosts: number;
  /** Of each host, at a poll. */
  readonly sockets: number;
  readonly intervalSeconds: number;
  /** How long ClickHouse keeps rows. */
  readonly days: number;
}

export interface Size {
  readonly rowsPerSecond: number;
  readonly wireBytesPerSecond: number;
  readonly kafka: { readonly partitions: number; readonly diskBytes: number };
  readonly clickhouse: { readonly shards: number; readonly rows: number; readonly diskBytes: number };
  /** Of each host, so that its far ends may be away for an hour. */
  readonly spoolBytesAnHour: number;
}

export function sizeOf({ hosts, sockets, intervalSeconds, days }: Fleet): Size {
  const rowsPerSecond = (hosts * sockets) / intervalSeconds;
  const wireBytesPerSecond = rowsPerSecond * WIRE_BYTES;
  const { headroom, replicas } = ASSUMED;
  const rows = rowsPerSecond * days * 86_400;
  const shards = Math.max((rowsPerSecond * headroom) / ASSUMED.shardRowsPerSecond, (rows * DISK_BYTES) / ASSUMED.shardBytes);
  return {
    rowsPerSecond,
    wireBytesPerSecond,
    kafka: {
      // A host's rows stay in one partition: more partitions than hosts would stand idle.
      partitions: Math.max(1, Math.min(hosts, Math.ceil((wireBytesPerSecond * headroom) / ASSUMED.partitionBytesPerSecond))),
      diskBytes: wireBytesPerSecond * ASSUMED.kafkaHours * 3_600 * replicas.kafka,
    },
    clickhouse: { shards: Math.max(1, Math.ceil(shards)), rows, diskBytes: rows * DISK_BYTES * replicas.clickhouse },
    spoolBytesAnHour: (wireBytesPerSecond / hosts) * 3_600,
  };
}

/** For people. */
export function describeSize(fleet: Fleet): string {
  const { hosts, sockets, intervalSeconds, days } = fleet;
  const size = sizeOf(fleet);
  const { replicas, kafkaHours, headroom, partitionBytesPerSecond, shardRowsPerSecond, shardBytes } = ASSUMED;
  return `${hosts} hosts x ${sockets} sockets every ${intervalSeconds} s
  rows        ${amount(size.rowsPerSecond).trim()} rows/s, ${amount(size.clickhouse.rows).trim()} rows in ${days} days
  wire        ${amount(size.wireBytesPerSecond)}B/s
  Kafka       ${size.kafka.partitions} partitions, ${amount(size.kafka.diskBytes)}B of disk (${kafkaHours} h, ${replicas.kafka} copies)
  ClickHouse  ${size.clickhouse.shards} shards x ${replicas.clickhouse} replicas, ${amount(size.clickhouse.diskBytes)}B of disk in all
  spool       ${amount(size.spoolBytesAnHour)}B for each hour and host that far ends may be away (spool-bytes)
measured: ${WIRE_BYTES} bytes a row on the wire, ${DISK_BYTES} in ClickHouse (IPv4, one socket in ten with traffic)
assumed: a partition takes ${amount(partitionBytesPerSecond)}B/s, a shard ${amount(shardRowsPerSecond).trim()} rows/s and ${amount(shardBytes)}B; ${headroom} times what is needed
`;
}

/** 1234567 to `1.2 M`. */
function amount(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(value) / 3)));
  return `${Number((value / 1_000 ** power).toPrecision(3))} ${units[power]}`;
}
