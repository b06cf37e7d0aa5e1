/**
 * The agent: the harness's hands and eyes inside the target. It answers as soon as it can speak and says how fast the target is; what it works
 * with (perform.ts) is loaded meanwhile, which takes an emulated guest a second or two.
 */
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import { openChannel } from './channel.js';
import { calibrate, type ToAgent } from './protocol.js';
import type { Shells } from './shells.js';

const { values: paths } = parseArgs({
  options: { control: { type: 'string' }, rows: { type: 'string' }, ledger: { type: 'string' } },
});

function required(name: 'control' | 'rows' | 'ledger'): string {
  const path = paths[name];
  if (path === undefined) throw new Error(`--${name} is missing`);
  return path;
}

let begun = false;
let load: () => Promise<typeof import('./perform.js')> = () => import('./perform.js');

let shells: Promise<Shells> | undefined;

/** Loaded only here: most runs are looked at by nobody. */
function openShells(): Promise<Shells> {
  return import('./shells.js').then((module) => new module.Shells((shell, say) => channel.send({ shell, say })));
}

async function take(message: ToAgent): Promise<void> {
  const { begin, interruptWork, outsideFaultOver, targetStarved } = await load();
  switch (message.cmd) {
    case 'interrupt':
      return interruptWork(message.reason);
    case 'fault-over':
      return outsideFaultOver(message);
    case 'shell':
      shells ??= openShells();
      return (await shells).take(message.shell, message.say);
    case 'starved':
      return targetStarved(message.seconds);
    case 'run':
      if (begun) return;
      begun = true;
      await begin(message.work, { channel, rows: required('rows'), ledger: required('ledger') });
  }
}

const channel = await openChannel(required('control'));
channel.send({ hello: { kernel: release(), node: process.version } });
channel.listen(
  (message) => void take(message),
  () => process.exit(1),
);
const loaded = import('./perform.js');
load = () => loaded;
await loaded;
channel.send({ calibrationMs: calibrate() });
let beats = 0;
setInterval(() => channel.send({ beat: ++beats }), 1000);
