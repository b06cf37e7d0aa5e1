/** One GET with a limit. A failure of any kind is undefined: the caller records it as unknown, never as zero. */
import { get } from 'node:http';

export function httpGet(url: string, limitMs: number): Promise<{ status: number; body: string } | undefined> {
  return new Promise((done) => {
    const request = get(url, { agent: false, timeout: limitMs }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => done({ status: response.statusCode ?? 0, body }));
      response.on('error', () => done(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(undefined));
    request.on('close', () => done(undefined));
  });
}

/** Sums the samples of each named metric over its labels (Prometheus text format 0.0.4). Absent is null. */
export function readMetrics(text: string, names: readonly string[]): Map<string, number | null> {
  const sums = new Map<string, number | null>(names.map((name) => [name, null]));
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const end = line.search(/[{ ]/);
    const name = line.slice(0, end);
    const current = sums.get(name);
    if (end <= 0 || current === undefined) continue;
    // A label value may hold blanks and braces, so the sample's value comes after the last brace.
    const afterName = line.slice(line[end] === '{' ? line.lastIndexOf('}') + 1 : end);
    const value = Number(afterName.trim().split(' ')[0]);
    if (Number.isFinite(value)) sums.set(name, (current ?? 0) + value);
  }
  return sums;
}
