// @ts-check
/**
 * What each part of the set-up needs, as data. Plain JavaScript, because it runs before anything is installed.
 * DESIGN of the parts: `npm start` needs base; `npm test` base and report; `npm run test:all` all.
 */

/**
 * @typedef {object} Package
 * @property {string} name Debian's package, the cure when the program is missing
 * @property {string} provides the program that is wanted, wherever it came from
 * @property {boolean} [static] it has to run where there are no libraries
 */

/**
 * @typedef {object} Part
 * @property {string} what one line for people
 * @property {readonly Package[]} packages what it takes of the system
 */

/** @type {Readonly<Record<string, Part>>} */
export const PARTS = {
  base: {
    what: 'compiler, QEMU, guest kernel, npm packages, the build',
    packages: [
      { name: 'g++', provides: 'g++' },
      { name: 'make', provides: 'make' },
      { name: 'iproute2', provides: 'ip' },
      { name: 'util-linux', provides: 'unshare' },
      { name: 'qemu-system-x86', provides: 'qemu-system-x86_64' },
      { name: 'busybox-static', provides: 'busybox', static: true },
      { name: 'xz-utils', provides: 'xz' },
      { name: 'runc', provides: 'runc' },
      { name: 'strace', provides: 'strace' },
    ],
  },
  report: {
    what: 'a browser, to look at reports as a reader does; promtool and systemd-analyze, to look at what operators get',
    packages: [
      { name: 'chromium', provides: 'chromium' },
      { name: 'systemd', provides: 'systemd-analyze' },
    ],
  },
  pipeline: {
    what: 'a broker (Apache Kafka) and a database (ClickHouse), fetched into the cache',
    packages: [
      { name: 'openjdk-17-jre-headless', provides: 'java' },
      { name: 'maven', provides: 'mvn' },
    ],
  },
  nix: {
    what: "Debian's nix, to evaluate the flake",
    packages: [
      { name: 'nix-bin', provides: 'nix' },
      { name: 'git', provides: 'git' },
      { name: 'zstd', provides: 'zstd' },
    ],
  },
};
