/** What must be the same for two measurements to be comparable at all. */
import { arch, cpus, release } from 'node:os';

export interface Host {
  readonly cpu: string;
  readonly cores: number;
  readonly arch: string;
  readonly kernel: string;
  readonly node: string;
}

export function thisHost(): Host {
  const all = cpus();
  return { cpu: all[0]?.model.trim() ?? 'unknown', cores: all.length, arch: arch(), kernel: release(), node: process.version };
}

/** In words, each thing that differs: `kernel 6.1.0 -> 6.12.3`. */
export function hostDifferences(old: Host, now: Host): string[] {
  return (['cpu', 'cores', 'arch', 'kernel', 'node'] as const)
    .filter((key) => old[key] !== now[key])
    .map((key) => `${key} ${old[key]} -> ${now[key]}`);
}

/** For file names: equal hosts have equal keys. */
export function hostKey(host: Host): string {
  return Object.values(host)
    .join(' ')
    .replace(/[^A-Za-z0-9.]+/g, '-');
}
