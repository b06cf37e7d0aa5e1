/**
 * The `process_*` metrics that the Prometheus client libraries agree on, read from /proc at each scrape. Of our own
 * rather than prom-client's: its start time is rounded to a second, which hides a process that replaced itself at once, and
 * its event-loop monitor wakes the process 100 times a second.
 */
import fs from 'node:fs';
import type { Registry } from 'prom-client';
import { Counter, Gauge } from './prom.js';

export function addProcessMetrics(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start of this program since the unix epoch in seconds; execve starts it anew.',
    registers,
  }).set(performance.timeOrigin / 1_000);
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_open_fds',
    help: 'Open file descriptors.',
    registers,
    collect() {
      // Less the one that reads the directory.
      this.set(fs.readdirSync('/proc/self/fd').length - 1);
    },
  });
  new Gauge({
    name: 'process_max_fds',
    help: 'Largest number of open file descriptors (soft RLIMIT_NOFILE).',
    registers,
  }).set(limit('Max open files'));
  new Gauge({
    name: 'process_threads',
    help: 'OS threads.',
    registers,
    collect() {
      this.set(fs.readdirSync('/proc/self/task').length);
    },
  });
}

/** Soft limit of a line of /proc/self/limits (proc_pid_limits(5)). */
function limit(name: string): number {
  const line =
    fs
      .readFileSync('/proc/self/limits', 'utf8')
      .split('\n')
      .find((text) => text.startsWith(name)) ?? '';
  const soft = line.slice(name.length).trim().split(/\s+/)[0] ?? '';
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
