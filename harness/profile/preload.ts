/**
 * Loaded into a subject that runs on Node, before its own code (`--import`): takes a CPU profile and a profile of all allocations from
 * its start to its end, and writes both when it exits in order. Nothing else of the subject is touched. Node's own --cpu-prof can't be
 * given by the environment, and its allocation profile knows only what is still alive at the end.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const folder = process.env.NETSOAK_PROFILE_FOLDER;
const interval = Number(process.env.NETSOAK_PROFILE_INTERVAL_US);

if (folder !== undefined && isMainThread) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval });
  session.post('Profiler.start');
  session.post('HeapProfiler.enable');
  session.post('HeapProfiler.startSampling', {
    samplingInterval: 128 * 1024,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  process.once('exit', () => {
    const save = (kind: string) => (_: Error | null, answer?: { readonly profile: object }) => {
      if (answer) writeFileSync(join(folder, `${process.pid}.${kind}`), JSON.stringify(answer.profile));
    };
    // Answers of a session in the same thread come before post() returns.
    session.post('Profiler.stop', save('cpuprofile'));
    session.post('HeapProfiler.stopSampling', save('heapprofile'));
  });
}
