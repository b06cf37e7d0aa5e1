#!/usr/bin/env node
/**
 * `npm run nix -- ARGS`: Nix on a machine that can't fetch nixpkgs. Sees to Debian's nix, puts the stand-in in the place
 * of nixpkgs, keeps the store in netsoak's own cache, and gives back Nix's exit code. Runs in the folder that its caller
 * stands in.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import '../../harness/setup/node-version.mjs';
import { Problem, runMain } from '../../harness/setup/problem.mjs';
import { PROJECT, stepsForNix } from '../../harness/setup/steps.mjs';
import { findProgram } from '../../harness/setup/system.mjs';
import { walk } from '../../harness/setup/walk.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Subcommands that look at a flake's inputs; the others refuse `--override-input`. */
const TAKES_INPUTS = ['build', 'develop', 'eval', 'flake', 'fmt', 'print-dev-env', 'run', 'shell'];

/** No daemon, no build users, nothing from elsewhere. */
const SETTINGS = {
  'build-users-group': '',
  'experimental-features': 'nix-command flakes',
  sandbox: 'false',
  substituters: '',
  'warn-dirty': 'false',
};

/** @param {string[]} words what follows `nix` */
export async function nixCommand(words) {
  const { userCache } = await import(join(PROJECT, 'dist/vm/cache.js'));
  const home = join(userCache().own, 'nix');
  const standIn = await writeStandIn(home);
  const end = words.indexOf('--');
  const [own, passedOn] = end < 0 ? [words, []] : [words.slice(0, end), words.slice(end)];
  const options = Object.entries(SETTINGS).flatMap(([name, value]) => ['--option', name, value]);
  const inputs = ['--offline', '--no-write-lock-file', '--override-input', 'nixpkgs', `path:${standIn}`];
  // Nix 2.8 shows all systems by itself and does not know the flag by which newer ones are asked to.
  const asked = own.filter((word) => word !== '--all-systems');
  return {
    command: ['nix', ...options, ...asked, ...(TAKES_INPUTS.includes(own[0]) ? inputs : []), ...passedOn],
    env: {
      ...process.env,
      // What Nix keeps belongs to netsoak's cache, and a Nix that this machine may have otherwise is left alone.
      NIX_STORE_DIR: join(home, 'store'),
      NIX_STATE_DIR: join(home, 'state'),
      NIX_LOG_DIR: join(home, 'log'),
      NIX_CONF_DIR: join(home, 'conf'),
      XDG_CACHE_HOME: join(home, 'cache'),
      NIX_REMOTE: '',
    },
  };
}

/** The stand-in with what it has to know of this machine; the same content has the same place. */
async function writeStandIn(home) {
  const { findKernel } = await import(join(PROJECT, 'dist/vm/kernel.js'));
  const { userCache } = await import(join(PROJECT, 'dist/vm/cache.js'));
  const { KAFKA_VERSION } = await import(join(PROJECT, 'dist/harness/pipeline/supply.js'));
  const kernel = await findKernel();
  if (kernel === undefined) throw new Problem('there is no guest kernel', ['prepare one with `npm run setup base`']);
  const machine = {
    node: realpathSync(process.execPath),
    npm: findProgram('npm'),
    kernel: dirname(kernel.vmlinux),
    release: kernel.release,
    // Fetched by `npm run setup pipeline`; the links lead nowhere until then, and only scenarios with a far end follow them.
    kafka: join(userCache().own, `kafka-${KAFKA_VERSION}`),
    loader: '/lib64/ld-linux-x86-64.so.2',
    libraries: '/usr/lib/x86_64-linux-gnu',
    root: rootFolders(),
  };
  const folder = join(home, 'stand-in');
  const draft = `${folder}.${process.pid}`;
  cpSync(join(HERE, 'stand-in'), draft, { recursive: true });
  writeFileSync(join(draft, 'machine.json'), `${JSON.stringify(machine, null, 2)}\n`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(draft, folder);
  return folder;
}

/** Where programs of this machine and their libraries are; links are followed by name, as in vm/debian-supply.ts. */
function rootFolders() {
  const names = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
  const present = readdirSync('/').filter((name) => names.includes(name));
  const node = dirname(dirname(realpathSync(process.execPath)));
  return [...present.map((name) => `/${name}`), ...(present.includes(node.split('/')[1]) ? [] : [node])];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    // On standard error: standard output is Nix's, which scripts read.
    await walk('set-up for nix', stepsForNix(), console.error);
    const { command, env } = await nixCommand(process.argv.slice(2));
    const [program, ...args] = command;
    // ^C reaches Nix and what it runs with us; they tidy up and end, and then so do we.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
    const { status, signal, error } = spawnSync(program, args, { cwd: process.env.INIT_CWD ?? process.cwd(), env, stdio: 'inherit' });
    if (error !== undefined) throw new Problem(`nix could not be started: ${error.message}`, ['run `npm run setup nix`']);
    return status ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
