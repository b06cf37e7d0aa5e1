import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import { SubjectProfiler } from './profiler.js';

/** Burns time in a function of a known name, allocates, and ends in order when told to. */
const BUSY = `
function burnsTime() { let x = 0; for (let i = 0; i < 3e6; i++) x = (x * 31 + i) | 0; return x; }
globalThis.kept = [];
setInterval(() => { burnsTime(); kept.push(new Array(20_000).fill('x')); if (kept.length > 50) kept = []; }, 1);
process.once('SIGTERM', () => process.exit(0));
console.log('ready');
`;

async function profiled(signal: NodeJS.Signals): Promise<{ events: RunEvent[]; files: Map<string, string> }> {
  const events: RunEvent[] = [];
  const files = new Map<string, string>();
  const profiler = new SubjectProfiler(
    60,
    (event) => events.push(event),
    (name, gzip) => files.set(name, gunzipSync(gzip).toString()),
  );
  try {
    const subject = spawn(process.execPath, ['-e', BUSY], { env: { ...process.env, ...profiler.environment({}) } });
    await once(subject.stdout, 'data');
    profiler.watch(subject.pid as number);
    await sleep(1_000);
    const gone = once(subject, 'exit');
    subject.kill(signal);
    await gone;
    await profiler.collect(subject.pid);
  } finally {
    profiler.close();
  }
  return { events, files };
}

describe('profiles of a subject', () => {
  it('name the function that took the time, and the files hold the whole profile', async () => {
    const { events, files } = await profiled('SIGTERM');
    const tops = new Map(events.flatMap((event) => (event.kind === 'profile' ? [[event.of, event.top] as const] : [])));
    expect(tops.get('cpu')?.[0]?.name).toBe('burnsTime');
    expect(tops.get('allocations')?.length).toBeGreaterThan(0);
    expect(JSON.parse(files.get('subject-1.cpuprofile') ?? '')).toHaveProperty('timeDeltas');
    expect(JSON.parse(files.get('subject-1.heapprofile') ?? '')).toHaveProperty('head');
    // perf may be missing or forbidden: then a note says so.
    const told = tops.has('native') || events.some((event) => event.kind === 'note' && event.text.includes('perf'));
    expect(told).toBe(true);
  });

  it('are missed with a word of why when the subject was killed', async () => {
    const { events } = await profiled('SIGKILL');
    expect(events.filter((event) => event.kind === 'note').map((event) => event.text)).toContainEqual(
      'no cpu profile: the subject is no Node program, or did not exit by itself',
    );
  });
});
