/**
 * What set-up and build consist of. A step tells cheaply whether it has anything to do; `todo` is only asked after
 * the steps before it are done.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStep } from './child.mjs';
import { afterCompiling, beforeCompiling, staleOutput } from './compiled.mjs';
import { packagesMissing } from './installed.mjs';
import { MAKES } from './makes.mjs';
import { Problem } from './problem.mjs';
import { promtool } from './promtool.mjs';
import { installPackages, missingPackages, runWithPackageLists } from './system.mjs';

export const PROJECT = realpathSync(join(dirname(fileURLToPath(import.meta.url)), '../..'));

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => string | undefined | Promise<string | undefined>} todo why it has to run, or undefined
 * @property {() => Promise<void>} run
 */

/** @returns {Step} */
function systemPackages(parts) {
  return {
    name: `system packages for ${parts.join(', ')}`,
    todo: () => {
      const missing = missingPackages(parts);
      return missing.length === 0 ? undefined : `missing: ${missing.map(({ provides }) => provides).join(', ')}`;
    },
    run: () => installPackages(missingPackages(parts)),
  };
}

/**
 * No package's scripts are run: none of ours has one that it needs, and the Nix build runs none either. What was
 * installed is looked at afterwards, because npm takes an optional package that it could not fetch for one that is
 * not wanted, and compilers and formatters come as such.
 * @type {Step}
 */
const npmPackages = {
  name: 'npm packages',
  todo: () => packagesMissing(PROJECT),
  run: async () => {
    // Without --include=dev, NODE_ENV=production would leave the compiler out.
    await runStep([...npm(), 'ci', '--ignore-scripts', '--include=dev', '--no-progress'], {
      cwd: PROJECT,
      cure: 'see the lines above; an unreachable registry is a matter of the network or of ~/.npmrc',
    });
    const wrong = packagesMissing(PROJECT);
    if (wrong !== undefined) {
      throw new Problem(
        `npm installed something else than package-lock.json says: ${wrong}`,
        ['package.json and package-lock.json must agree; if they do, remove node_modules and try again'],
        'harness',
      );
    }
  },
};

/** The npm that called us, so that a machine with several uses one; else the one on PATH. */
function npm() {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('npm-cli.js') ? [process.execPath, cli] : ['npm'];
}

const NATIVE = join(PROJECT, 'native');
const MAKE_COMMANDS = MAKES.map(({ folder, targets, forTests }) => ['make', '-C', join(NATIVE, folder), ...targets, ...forTests]);

/** @type {Step} */
const nativePrograms = {
  name: 'native addons and load generator',
  todo: () => {
    if (readToolchain() !== toolchain()) return 'the compiler or the headers of Node-API have changed, or nothing was built';
    const out = MAKE_COMMANDS.find(([make, ...args]) => spawnSync(make, ['-q', ...args], { stdio: 'ignore' }).status !== 0);
    return out && 'sources have changed';
  },
  run: async () => {
    const how = { cure: 'the first error above names file and line; `make -C native clean` starts over', owner: 'harness' };
    if (readToolchain() !== toolchain()) {
      for (const [make, at, folder] of MAKE_COMMANDS) await runStep([make, at, folder, 'clean'], how);
    }
    for (const command of MAKE_COMMANDS) await runStep([...command, `-j${availableParallelism()}`], how);
    mkdirSync(join(NATIVE, 'build'), { recursive: true });
    writeFileSync(TOOLCHAIN, toolchain());
  },
};

/** make(1) sees sources change, but not what lies outside native/: the compiler and the packages with the headers. */
const TOOLCHAIN = join(NATIVE, 'build/.toolchain');

function toolchain() {
  const { packages } = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8'));
  const headers = ['node-addon-api', 'node-api-headers'].map((name) => packages[`node_modules/${name}`].integrity);
  const compiler = spawnSync('g++', ['-dumpfullversion', '-dumpmachine'], { encoding: 'utf8' }).stdout;
  return createHash('sha256')
    .update([...headers, compiler].join('\n'))
    .digest('hex');
}

function readToolchain() {
  return existsSync(TOOLCHAIN) ? readFileSync(TOOLCHAIN, 'utf8') : undefined;
}

/** @type {Step} */
export const typescript = {
  name: 'TypeScript',
  todo: () => staleOutput(PROJECT),
  run: async () => {
    const before = beforeCompiling(PROJECT);
    await runStep([process.execPath, join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', PROJECT, '--pretty', 'false'], {
      cwd: PROJECT,
      cure: 'each line above names a file and what is wrong with it',
      owner: 'harness',
    });
    afterCompiling(PROJECT, before);
  },
};

/** @type {Step} */
const guestKernel = {
  name: 'guest kernel',
  todo: async () => {
    const { findKernel } = await import(join(PROJECT, 'dist/vm/kernel.js'));
    return (await findKernel()) === undefined ? 'none is prepared' : undefined;
  },
  run: () =>
    runWithPackageLists(
      [process.execPath, join(PROJECT, 'dist/vm/prepare.js')],
      'see the lines above; the kernel comes as a Debian package from the mirrors that apt knows',
    ),
};

/** @type {Step} */
const pipelineParts = {
  name: 'broker and database',
  todo: async () => {
    const { findChdb, findKafka } = await import(join(PROJECT, 'dist/harness/pipeline/supply.js'));
    const missing = [...(findKafka() ? [] : ['Apache Kafka']), ...(findChdb() ? [] : ['ClickHouse'])];
    return missing.length === 0 ? undefined : `not in the cache: ${missing.join(', ')}`;
  },
  run: () =>
    runStep([process.execPath, join(PROJECT, 'dist/harness/pipeline/prepare.js')], {
      cure: 'see the lines above; it takes Maven Central and the npm registry',
    }),
};

/** The steps of these parts, in the order in which they need each other. */
export function stepsOf(parts) {
  const built = parts.includes('base') || parts.includes('pipeline');
  return [
    systemPackages(parts),
    ...(built ? [npmPackages, nativePrograms, typescript] : []),
    ...(parts.includes('base') ? [guestKernel] : []),
    ...(parts.includes('report') ? [promtool] : []),
    ...(parts.includes('pipeline') ? [pipelineParts] : []),
  ];
}

/** What `npm run nix` takes: the programs that the stand-in for nixpkgs maps, and a guest kernel. The addons Nix builds itself. */
export const stepsForNix = () => [systemPackages(['base', 'nix']), npmPackages, typescript, guestKernel];

export const BUILD = [npmPackages, nativePrograms, typescript];
