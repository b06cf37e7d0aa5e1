/** Where a guest's CPUs stand, told from QEMU's monitor. For people who look up the address in the guest kernel's symbols. Pure. */

/** EFLAGS.IF (Intel SDM volume 1, 3.4.3). */
const INTERRUPTS_ON = 0x200;

/** @param registers what the monitor's `info registers -a` prints. */
export function whereabouts(registers: string): string {
  const cpus = registers.split(/^CPU#/m).slice(1);
  return cpus.map(cpuAt).join(', ');
}

function cpuAt(text: string): string {
  const number = /^\d+/.exec(text)?.[0];
  const at = /\b([RE])IP=([0-9a-f]+)/.exec(text);
  if (!at) return `CPU ${number} tells nothing`;
  // Below 64 bits it is a BIOS or the kernel's first steps, and a segment's offset means nothing without the segment.
  const place = at[1] === 'R' ? at[2] : `${/^CS =([0-9a-f]+)/m.exec(text)?.[1]}:${at[2]}`;
  const flags = Number.parseInt(/\b[RE]FL=([0-9a-f]+)/.exec(text)?.[1] ?? '0', 16);
  return `CPU ${number} ${/\bHLT=1/.test(text) ? 'halted' : 'running'} at ${place} with interrupts ${flags & INTERRUPTS_ON ? 'on' : 'off'}`;
}
