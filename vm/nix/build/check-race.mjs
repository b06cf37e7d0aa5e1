/**
 * `packages.test-race`: the addon under ThreadSanitizer while its threads do what they do in netsoakd: four workers poll
 * namespaces with sockets, thirty times. In a user namespace, where a builder may enter network namespaces.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attribute, output, run, scratch, workingCopy } from './tools.mjs';

const NAMESPACES = 6;
const POLLS = 30;

if (process.argv[2] === 'inside') await poll();
else {
  const folder = scratch();
  const copy = join(folder, 'netsoak');
  workingCopy(join(attribute('program'), 'lib/netsoak'), copy);
  run(['make', '-C', join(copy, 'native'), 'tsan', `-j${availableParallelism()}`]);
  const log = join(folder, 'races');
  run(['unshare', '--user', '--map-root-user', '--mount', process.execPath, fileURLToPath(import.meta.url), 'inside'], {
    env: { ...process.env, COPY: copy, LOG: log },
  });
  const files = readdirSync(folder).filter((name) => name.startsWith('races'));
  const reports = files.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('==================\n')
      .filter((report) => report.includes('WARNING')),
  );
  const races = reports.filter(isOurs);
  if (races.length > 0) throw new Error(`${races.length} data races:\n${races.join('\n')}`);
  console.log(`no data race of the addon's; ${reports.length - races.length} reports are of Node alone`);
  writeFileSync(attribute('out'), '');
}

/**
 * Whether one of the two accesses is the addon's: the first frame that is not the sanitizer's own. Node is not
 * instrumented, so its threads seem to race where they hand memory over by means that the sanitizer does not see.
 */
function isOurs(report) {
  const accesses = report.split(/\n\n/).filter((part) => /^ +(Previous )?(atomic )?(read|write) of size/im.test(part));
  return accesses.some((part) => /^ +#\d+ (?!.*libtsan).*$/m.exec(part)?.[0].includes('(netsoak-tsan.node+'));
}

async function poll() {
  const { COPY, LOG } = process.env;
  const listen = `for (let i = 0; i < 50; i++) require('net').createServer().listen(0); console.log('listening')`;
  const holders = Array.from({ length: NAMESPACES }, () =>
    spawn('unshare', ['--net', process.execPath, '-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  try {
    await Promise.all(holders.map((holder) => new Promise((heard) => holder.stdout.once('data', heard))));
    // unshare without --fork becomes the program, so its pid is in the namespace.
    const settings = { paths: holders.map(({ pid }) => `/proc/${pid}/ns/net`), polls: POLLS, workers: 4, flushRows: 20 };
    const runtime = output(['g++', '-print-file-name=libtsan.so']);
    run([process.execPath, join(COPY, 'native/test-poller.cjs'), join(COPY, 'native/build/netsoak-tsan.node'), JSON.stringify(settings)], {
      env: { ...process.env, LD_PRELOAD: runtime, TSAN_OPTIONS: `log_path=${LOG} exitcode=0` },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } finally {
    for (const holder of holders) holder.kill('SIGKILL');
  }
}
