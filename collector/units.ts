/** Values with units, as people write them in flags and configuration files. */

export type Milliseconds = number & { readonly unit: 'ms' };
export type Bytes = number & { readonly unit: 'byte' };

const DURATION: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZE: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1 << 20,
  g: 1e9,
  gb: 1e9,
  gib: 2 ** 30,
};

/** `1s`, `250ms`, `1.5m`; undefined when it is no such thing. The unit is required: a bare `10` has meant too many things. */
export function parseDuration(text: string): Milliseconds | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  if (match === null) return undefined;
  return (Number(match[1]) * (DURATION[match[2] ?? ''] ?? Number.NaN)) as Milliseconds;
}

/** `65536`, `768KiB`, `1MB`; undefined when it is no such thing or not a whole number of bytes. */
export function parseSize(text: string): Bytes | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (SIZE[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
  return Number.isInteger(bytes) ? (bytes as Bytes) : undefined;
}
