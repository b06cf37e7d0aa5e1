/** Profiles of the running daemon, as Chrome's DevTools and editors open them: `.cpuprofile` and `.heapprofile`. Of the JS thread. */
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export const PROFILES = ['cpu', 'heap'] as const;
export type ProfileKind = (typeof PROFILES)[number];

/** Samples of allocation every so many bytes: what DevTools takes. */
const HEAP_SAMPLE_BYTES = 32_768;

let taking = false;

/** @throws Error when one is being taken already */
export async function takeProfile(kind: ProfileKind, milliseconds: number): Promise<object> {
  if (taking) throw new Error('a profile is being taken already: one at a time');
  taking = true;
  const session = new Session();
  try {
    session.connect();
    if (kind === 'cpu') {
      await session.post('Profiler.enable');
      await session.post('Profiler.start');
      await sleep(milliseconds);
      return (await session.post('Profiler.stop')).profile;
    }
    await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_SAMPLE_BYTES });
    await sleep(milliseconds);
    return (await session.post('HeapProfiler.stopSampling')).profile;
  } finally {
    session.disconnect();
    taking = false;
  }
}
