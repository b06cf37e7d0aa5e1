/** What about this machine, at this moment, makes figures worth less. Values for the edge to print. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

export function machineWarnings(
  load: number = loadavg()[0] ?? 0,
  cores: number = availableParallelism(),
  governor = readGovernor(),
): string[] {
  const warnings: string[] = [];
  if (load > cores / 4) {
    warnings.push(
      `the machine is busy (load ${load.toFixed(1)} on ${cores} cores): samples scatter more, so less is found; wait, or take more --samples`,
    );
  }
  if (governor !== undefined && governor !== 'performance') {
    warnings.push(`the CPU changes its clock as it likes (governor ${governor}): \`cpupower frequency-set -g performance\` steadies it`);
  }
  return warnings;
}

/** undefined in most virtual machines, where the host decides. */
function readGovernor(): string | undefined {
  const path = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}
