/** The SQL of this folder's files, made out for a database. Pure but for reading the files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { protoFile, protoText } from '../proto.js';
import type { KafkaTarget } from '../targets.js';
import { SCHEMA_COMMENT, SCHEMA_VERSION } from './version.js';

export interface SchemaOptions {
  readonly database: string;
  readonly table: string;
  /** Also read these topics. */
  readonly kafka?: KafkaTarget | undefined;
  /** Replicated tables on this cluster, and a Distributed one over them. */
  readonly cluster?: string | undefined;
  /** Days that rows are kept. */
  readonly ttl: number;
}

/** Statements in the order in which they need each other, without their comments. */
export function schemaStatements(options: SchemaOptions): string[] {
  const folder = join(protoFile(), '../clickhouse');
  const wanted = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .filter((name) => name !== '40-kafka.sql' || options.kafka !== undefined)
    .filter((name) => name !== '50-cluster.sql' || options.cluster !== undefined)
    .sort();
  const values = valuesOf(options);
  const text = wanted.map((name) => readFileSync(join(folder, name), 'utf8').replace(/^--.*\n/gm, '')).join('\n');
  const create = `CREATE DATABASE IF NOT EXISTS ${values.database}${values.onCluster === '' ? '' : ` ${values.onCluster}`}`;
  // Cut before filling in: the .proto has semicolons of its own.
  const statements = text.split(/;\s*(?:\n|$)/).map((statement) => statement.trim());
  return [create, ...statements.filter(Boolean).map((statement) => fill(statement, values))];
}

function fill(statement: string, values: Readonly<Record<string, string>>): string {
  return statement
    .replace(/\{path (\w+)\}/g, (_, kind: string) =>
      values.cluster === '' ? '' : `('/clickhouse/tables/{shard}/${values.database}/${values.name}/${kind}', '{replica}')`,
    )
    .replace(
      /\{(table|onCluster|columns|names|replicated|ttl|comment|brokers|topic|group|proto|cluster|database|name)\}/g,
      (_, key: string) => values[key] ?? '',
    )
    .replace(/ +$/gm, '');
}

function valuesOf({ database, table, kafka, cluster, ttl }: SchemaOptions) {
  const columns = columnsOfRow();
  return {
    database,
    name: table,
    table: `${database}.${table}`,
    cluster: cluster ?? '',
    onCluster: cluster === undefined ? '' : `ON CLUSTER '${cluster}'`,
    replicated: cluster === undefined ? '' : 'Replicated',
    columns: columns.map(({ name, type }) => `  ${name} ${type}`).join(',\n'),
    names: columns.map(({ name }) => name).join(', '),
    ttl: String(ttl),
    comment: `${SCHEMA_COMMENT} ${SCHEMA_VERSION}`,
    brokers: kafka?.brokers.map(({ host, port }) => `${host}:${port}`).join(',') ?? '',
    topic: kafka?.topic ?? '',
    group: `netsoak-${database}-${table}`,
    proto: protoText().replace(/[\\']/g, (character) => `\\${character}`),
  };
}

export interface Column {
  readonly name: string;
  readonly type: string;
}

/** Columns with few values, for a dictionary. */
const FEW_VALUES = new Set([
  'daemon_version',
  'hostname',
  'location',
  'netns',
  'container_runtime',
  'container_image',
  'label',
  'tag',
  'ulp_name',
]);
/** Columns that grow from row to row. */
const GROWING = new Set(['timestamp_ns', 'poll_id', 'record_counter']);

/** A column for each field of the message Row, under its own name. */
export function columnsOfRow(): Column[] {
  const { root } = protobuf.parse(readFileSync(protoFile(), 'utf8'), { keepCase: true });
  const row = root.lookupType('netsoak.v1.Row');
  row.resolveAll();
  return row.fieldsArray.map((field) => ({ name: field.name, type: columnType(field) }));
}

function columnType(field: protobuf.Field): string {
  if (field.resolvedType instanceof protobuf.Enum) {
    const values = Object.entries(field.resolvedType.values).map(([name, value]) => `'${name}' = ${value}`);
    return `Enum8(${values.join(', ')})`;
  }
  const codec = GROWING.has(field.name) ? ' CODEC(Delta, ZSTD)' : '';
  switch (field.type) {
    case 'bytes':
      return 'FixedString(16)';
    case 'string':
      return FEW_VALUES.has(field.name) ? 'LowCardinality(String)' : 'String';
    default:
      return `${{ uint32: 'UInt32', uint64: 'UInt64', int64: 'Int64' }[field.type] ?? field.type}${codec}`;
  }
}
