import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { columnsOfRow, schemaStatements } from './schema.js';
import { SCHEMA_VERSION } from './version.js';

const AT = { database: 'netsoak', table: 'tcp', ttl: 30 };
const kafka = { kind: 'kafka', brokers: [{ host: 'k', port: 9092 }], topic: 'rows' } as const;

describe('the schema', () => {
  it('has a column for each field of the record, and those of the wire table under their own names', () => {
    const columns = columnsOfRow().map(({ name }) => name);
    const wire = readFileSync('collector/wire-fields.csv', 'utf8').trim().split('\n').slice(1);
    expect(wire.length).toBe(156);
    for (const line of wire) expect(columns).toContain(line.split(',')[1]);
    expect(new Set(columns).size).toBe(columns.length);
  });

  it('leaves nothing to fill in, whatever is asked for', () => {
    for (const options of [AT, { ...AT, kafka }, { ...AT, kafka, cluster: 'c1' }]) {
      for (const statement of schemaStatements(options)) expect(statement).not.toMatch(/\{(?!shard\}|replica\})[a-z]|undefined/i);
    }
  });

  it('bears its version, and is replicated only on a cluster', () => {
    const single = schemaStatements(AT);
    expect(single.join('\n')).toContain(`'netsoak schema ${SCHEMA_VERSION} rows'`);
    expect(single.join('\n')).not.toMatch(/Replicated|ON CLUSTER|Distributed|Kafka/);
    const cluster = schemaStatements({ ...AT, cluster: 'c1' });
    expect(
      cluster
        .filter((statement) => statement.includes('MergeTree'))
        .every((one) => one.includes('Replicated') && one.includes("ON CLUSTER 'c1'")),
    ).toBe(true);
    expect(cluster.at(-1)).toContain("Distributed('c1', 'netsoak', 'tcp_polls'");
  });
});
