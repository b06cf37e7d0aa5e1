import { describe, expect, it } from 'vitest';
import { ASSUMED, DISK_BYTES, describeSize, sizeOf, WIRE_BYTES } from './sizing.js';

const fleet = { hosts: 1_000, sockets: 5_000, intervalSeconds: 10, days: 30 };

describe('the size of a pipeline', () => {
  it('adds up', () => {
    const size = sizeOf(fleet);
    expect(size.rowsPerSecond).toBe(500_000);
    expect(size.wireBytesPerSecond).toBe(500_000 * WIRE_BYTES);
    expect(size.kafka.partitions * ASSUMED.partitionBytesPerSecond).toBeGreaterThanOrEqual(2 * size.wireBytesPerSecond);
    expect(size.clickhouse.rows).toBe(500_000 * 30 * 86_400);
    expect(size.clickhouse.diskBytes).toBe(size.clickhouse.rows * DISK_BYTES * 2);
    expect(size.clickhouse.shards * ASSUMED.shardBytes).toBeGreaterThanOrEqual(size.clickhouse.rows * DISK_BYTES);
    expect(size.spoolBytesAnHour).toBe(500 * WIRE_BYTES * 3_600);
  });

  it('never asks for less than one of each, nor for more partitions than hosts', () => {
    expect(sizeOf({ hosts: 1, sockets: 1, intervalSeconds: 3_600, days: 1 })).toMatchObject({
      kafka: { partitions: 1 },
      clickhouse: { shards: 1 },
    });
    expect(sizeOf({ hosts: 2, sockets: 10_000_000, intervalSeconds: 1, days: 1 }).kafka.partitions).toBe(2);
  });

  it('is told in words, with what was measured and what assumed', () => {
    expect(describeSize(fleet)).toBe(`1000 hosts x 5000 sockets every 10 s
  rows        500 k rows/s, 1.3 T rows in 30 days
  wire        160 MB/s
  Kafka       64 partitions, 41.5 TB of disk (24 h, 3 copies)
  ClickHouse  16 shards x 2 replicas, 127 TB of disk in all
  spool       576 MB for each hour and host that far ends may be away (spool-bytes)
measured: 320 bytes a row on the wire, 49 in ClickHouse (IPv4, one socket in ten with traffic)
assumed: a partition takes 5 MB/s, a shard 100 k rows/s and 4 TB; 2 times what is needed
`);
  });
});
