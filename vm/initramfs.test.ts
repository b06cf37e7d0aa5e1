import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandScript, planScript, quote } from './initramfs.js';
import { projectFolder } from './shares.js';

describe('words for the shell', () => {
  it('arrive as they are, whatever is in them', () => {
    const text = fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', ' ', '*', '!', ';', '-', 'a', 'ä') });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (words) => {
        const out = execFileSync('busybox', ['sh', '-c', `printf '%s\\0' ${words.map(quote).join(' ')}`]).toString();
        expect(out.split('\0').slice(0, -1)).toEqual(words);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the command', () => {
  it('gets its arguments and environment and nothing else', () => {
    const script = commandScript(['/usr/bin/env', '-0'], { GREETING: "it's\ntwo lines", HOME: '/somewhere', PATH: '/a:/b' });
    const out = execFileSync('sh', ['-c', script.replace('exec /.netsoak/busybox env', 'exec busybox env')], {
      env: { SECRET: 'x', PATH: process.env.PATH },
    }).toString();
    expect(out.split('\0').filter(Boolean).sort()).toEqual(["GREETING=it's\ntwo lines", 'HOME=/somewhere', 'LANG=C.UTF-8', 'PATH=/a:/b']);
  });
  it('must be named by its path, lest busybox runs something of its own', () => {
    expect(() => commandScript(['ip', 'link'], {})).toThrow(expect.objectContaining({ code: 'command-not-absolute' }));
    expect(() => commandScript([], {})).toThrow('run nothing');
  });
});

describe('the plan', () => {
  const supply = { bash: '/usr/bin/bash', kernel: { release: '6.1.0', vmlinux: '', modules: '' } };
  const plan = {
    command: ['/usr/bin/node', 'agent.js'],
    early: false,
    env: {},
    hangAfterSeconds: 60,
    modulesTag: 'modules',
    network: true,
    ports: ['a', 'b'],
    shares: [{ tag: 'share0', path: "/srv/ann's" }],
    storeTag: 'store',
  };
  const mounts = ['plan_mounts() {', "\tshare 'share0' '/srv/ann'\\''s'", "\tshell '/usr/bin/bash'", '}'];
  const ahead = "\tread_ahead '/usr/bin/node'";
  const completion = [
    '\tlater_modules',
    "\tmodules 'modules' '/lib/modules/6.1.0'",
    '\tfurnish',
    "\twatch '10' '60'",
    '\tnetwork',
    "\tports 'a' 'b'",
  ];

  it('tells init what to mount and to do, and starts the command last', () => {
    const lines = [...mounts, 'plan_run() {', ahead, ...completion, '\tstart', '}', ''];
    expect(planScript(supply, plan)).toBe(lines.join('\n'));
  });
  it('starts a command early when asked, before all that is not mounts, and shows the ports last', () => {
    const lines = [...mounts, 'plan_run() {', ahead, '\tstart', ...completion, '}', ''];
    expect(planScript(supply, { ...plan, early: true })).toBe(lines.join('\n'));
  });
});

it('has an init that the shell can read', () => {
  execFileSync('busybox', ['sh', '-n', join(projectFolder(), 'vm/init.sh')]);
});
