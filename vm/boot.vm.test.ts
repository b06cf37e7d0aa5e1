/** What a guest is, seen from inside and from outside. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { projectFolder } from './shares.js';
import { bootGuest, endGuests, PORT } from './testing/guests.js';

afterEach(endGuests);

/** Runs shell lines in a guest, each `name: command`; gives what each printed, by name. */
async function answers(lines: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const script = Object.entries(lines).map(([name, command]) => `printf '%s\\0%s\\0' '${name}' "$( { ${command} ; } 2>&1)" >&3`);
  const guest = await bootGuest(`exec 3>"$PORT"\n${script.join('\n')}`);
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off' });
  const words = guest.heard().split('\0');
  return Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 && word !== '' ? [[word, words[i + 1] ?? '']] : [])));
}

it("runs this machine's Node with the arguments and the environment given, and tells its status", async () => {
  const program = `require('fs').writeFileSync(process.argv[1], JSON.stringify([process.version, process.argv.slice(2), process.env.GREETING])); process.exit(7)`;
  const args = ['a "b"', "it's", '$HOME\n*'];
  const guest = await bootGuest([process.execPath, '-e', program, '--', PORT, ...args], { env: { GREETING: "so it's\nyou" } });
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off', status: 7 });
  expect(JSON.parse(guest.heard())).toEqual([process.version, args, "so it's\nyou"]);
});

it('shows the guest what it needs and keeps from it what is private', async () => {
  const witness = join(projectFolder(), 'package.json');
  const secret = join(homedir(), `.netsoak-secret-${process.pid}`);
  writeFileSync(secret, 'secret');
  try {
    const seen = await answers({
      homes: 'ls -A /root /home',
      secret: `test -e ${secret} && echo there`,
      keys: 'ls -d /root/.ssh /etc/shadow /etc/ssh /etc/ssl/private 2>/dev/null',
      project: `cat ${witness}`,
      write: `echo spoiled >${witness} && echo spoiled >/usr/bin/env && cat ${witness} /usr/bin/env`,
      below: 'echo x >/.netsoak/lower/share0/spoiled',
      shell: 'readlink -f /bin/sh',
      user: 'id -u',
      cgroup: 'cat /sys/fs/cgroup/cgroup.controllers',
    });
    expect(seen.homes?.replace(/\s+/g, ' ')).toBe('/home: /root:');
    expect(seen.secret).toBe('');
    expect(seen.keys).toBe('');
    expect(`${seen.project}\n`).toBe(readFileSync(witness, 'utf8'));
    // The guest may write, to memory; the outside is as it was.
    expect(seen.write).toBe('spoiled\nspoiled');
    expect(readFileSync(witness, 'utf8')).toContain('"netsoak"');
    expect(readFileSync('/usr/bin/env').toString('latin1', 1, 4)).toBe('ELF');
    expect(seen.below).toContain('Read-only file system');
    expect(seen.shell).toMatch(/\/bash$/);
    expect(seen.user).toBe('0');
    expect(seen.cgroup).toContain('memory');
  } finally {
    rmSync(secret);
  }
});

it('is a machine on which scenarios can work: namespaces, links and filters on demand, dumps, containers, orphans', async () => {
  const seen = await answers({
    netns: 'ip netns add a && ip netns add b && ls /run/netns | tr "\\n" " "',
    links: 'ip link add v0 type veth peer name v1 netns a && ip link add d0 type dummy && ip link add b0 type bridge && echo made',
    filter:
      'tc qdisc add dev d0 root handle 1: htb && tc class add dev d0 parent 1: classid 1:1 htb rate 1gbit && ' +
      'tc filter add dev d0 parent 1: protocol all prio 1 basic match "meta(rt_iif eq 3)" flowid 1:1 && tc filter show dev d0 | grep -c rt_iif',
    diag: 'grep -o "^[a-z]*_diag" /proc/modules | sort | tr "\\n" " "',
    // Refused in a mere chroot.
    userns: 'unshare --user --map-root-user id -u',
    pivot: 'unshare --mount sh -c "mount -t tmpfs x /mnt && mkdir /mnt/old && cd /mnt && pivot_root . old && echo pivoted"',
    orphans: 'for i in 1 2 3; do (setsid sleep 0.1 &); done; sleep 3; grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l',
    lo: 'ping -c 1 -W 5 ::1 >/dev/null 2>&1; cat /proc/net/if_inet6 | grep -c " lo$"',
  });
  expect(seen).toEqual({
    netns: 'a b ',
    links: 'made',
    filter: '1',
    diag: expect.stringContaining('inet_diag tcp_diag'),
    userns: '0',
    pivot: 'pivoted',
    orphans: '0',
    lo: '1',
  });
});

it('is complete when the ports of a command that was started early are there', async () => {
  const seen = [
    'until [ -e "$PORT" ]; do :; done; exec 3>"$PORT"; printf "%s " "$(cat /proc/sys/kernel/hostname)" "$(ulimit -n)" "$(readlink /dev/stdin)" >&3',
    'for place in /dev/shm /dev/pts /sys/fs/cgroup /sys/fs/bpf; do mountpoint -q $place && printf "%s " $place >&3; done',
    'grep -c " lo$" /proc/net/if_inet6 >&3; ip link add d0 type dummy && echo made >&3',
  ];
  const guest = await bootGuest(seen.join('\n'), { early: true });
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off', status: 0 });
  expect(guest.heard()).toBe('netsoak-guest 1024 fd/0 /dev/shm /dev/pts /sys/fs/cgroup /sys/fs/bpf 1\nmade\n');
});

it('keeps time', async () => {
  const before = Date.now();
  const seen = await answers({ now: 'date +%s%3N', source: 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource' });
  // The guest reads a clock of whole seconds at its start.
  expect(Number(seen.now)).toBeGreaterThan(before - 1500);
  expect(Number(seen.now)).toBeLessThan(Date.now() + 1500);
  expect(seen.source).not.toMatch(/acpi_pm|jiffies/);
});

it('reaches services on this machine when it is given a network, and has none otherwise', async () => {
  const { createServer } = await import('node:net');
  const server = createServer((connection) => connection.end('hello from outside'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const ask = `{ cat </dev/tcp/10.0.2.2/${port} || echo unreachable; } >"$PORT" 2>/dev/null`;
  try {
    const online = await bootGuest(ask, { network: true });
    await online.vm.exited;
    expect(online.heard()).toBe('hello from outside');
    const offline = await bootGuest(ask);
    await offline.vm.exited;
    expect(offline.heard()).toBe('unreachable\n');
  } finally {
    server.close();
  }
});

it('runs two side by side, each with its own memory and words', async () => {
  const script = (name: string) => `echo ${name} >/tmp/name; sleep 1; cat /tmp/name >"$PORT"`;
  const [a, b] = await Promise.all([bootGuest(script('anna')), bootGuest(script('bert'))]);
  expect((await Promise.all([a.vm.exited, b.vm.exited])).map(({ kind }) => kind)).toEqual(['powered-off', 'powered-off']);
  expect([a.heard(), b.heard()]).toEqual(['anna\n', 'bert\n']);
});

it('removes its archive once the guest has it', async () => {
  const guest = await bootGuest('true');
  expect(existsSync(join(guest.folder, 'initramfs'))).toBe(false);
  await guest.vm.exited;
});
