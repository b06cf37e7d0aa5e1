import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { catches, countFds, parseStat, readStat, threadTable, zombiesOf } from './procfs.js';

describe('/proc/PID/stat', () => {
  it('is read by position after the name, whatever the name holds', () => {
    const fields = Array.from({ length: 50 }, (_, i) => String(i + 3));
    fields[0] = 'S';
    expect(parseStat(`42 (a) b) c) ${fields.join(' ')}`)).toEqual({
      pid: 42,
      state: 'S',
      parent: 4,
      cpuTicks: 14 + 15,
      threads: 20,
      startTicks: 22,
      rssPages: 24,
      startStack: '28',
    });
  });

  it('tells of this very process what Node tells', () => {
    const stat = readStat(process.pid);
    expect(stat?.pid).toBe(process.pid);
    expect(stat?.threads).toBe(threadTable(process.pid).length);
    expect(countFds(process.pid)).toBeGreaterThan(2);
  });

  it('is unknown, not zero, for a process that is gone', () => {
    expect(readStat(2 ** 30)).toBeUndefined();
    expect(countFds(2 ** 30)).toBeUndefined();
  });
});

describe('/proc/PID/status', () => {
  it('tells which signals a process catches: by the others it may die', async () => {
    const child = spawn('sh', ['-c', 'trap : USR2; echo; read _'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const caught = ['SIGUSR2', 'SIGUSR1', 'SIGKILL'].map((signal) => catches(child.pid ?? 0, signal));
    child.kill('SIGKILL');
    expect(caught).toEqual([true, false, false]);
    expect(catches(2 ** 30, 'SIGUSR2')).toBe(false);
  });
});

describe('dead children that nobody waits for', () => {
  it('are those of the process that should, for as long as it does not', async () => {
    // The shell that made the child becomes a program that never waits.
    const careless = spawn('sh', ['-c', 'sleep 0.3 & echo; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(careless.stdout, 'data');
    const pid = careless.pid ?? 0;
    const seen = await vi.waitUntil(() => (zombiesOf([pid, process.pid]).length > 0 ? zombiesOf([pid, process.pid]) : false), 10_000);
    careless.kill('SIGKILL');
    await once(careless, 'exit');
    expect(seen).toHaveLength(1);
    expect(zombiesOf([process.pid])).toEqual([]);
  });
});
