import { describe, expect, it } from 'vitest';
import { countFds, parseStat, readStat, threadTable } from './procfs.js';

describe('/proc/PID/stat', () => {
  it('is read by position after the name, whatever the name holds', () => {
    const fields = Array.from({ length: 50 }, (_, i) => String(i + 3));
    fields[0] = 'S';
    expect(parseStat(`42 (a) b) c) ${fields.join(' ')}`)).toEqual({
      pid: 42,
      state: 'S',
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
