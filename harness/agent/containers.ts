/**
 * Real OCI containers as load: runc (of the distribution) with a network, pid and mount namespace of each one's own, the target's
 * programs by bind mount, no image. Inside runs `netsoak-contained`, whose ledger lines go out through the load generator, since the way
 * to the judge has one writer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { NetsoakError } from '../errors.js';

interface Running {
  readonly id: string;
  readonly child: ChildProcess;
  readonly bundle: string;
  readonly exited: Promise<void>;
}

export interface ContainerOptions {
  /** Path of `netsoak-contained`. */
  readonly program: string;
  /** Name below which its cgroups stand; the guardian outside removes it. */
  readonly cgroup: string;
  /** Passes a ledger line on. */
  readonly tell: (line: string) => void;
  readonly limitSeconds: number;
}

export class Containers {
  #running: Running[] = [];
  #serial = 0;
  #ended = 0;
  /** /run is the target's own, so that nothing stays of it, however the target ends. */
  readonly #root = mkdtempSync('/run/netsoak-runc-');

  constructor(private readonly o: ContainerOptions) {}

  /** So many were started, and so many have ended, since the beginning. */
  get counts(): { readonly 'containers.started': number; readonly 'containers.ended': number } {
    return { 'containers.started': this.#serial, 'containers.ended': this.#ended };
  }

  /** Starts one; resolves when all its connections are made and told. Rejects (owner `infra`) with what runc or the program said. */
  async start(connections: number): Promise<void> {
    const serial = ++this.#serial;
    // As docker makes them: a collector takes nothing shorter for a container.
    const id = randomBytes(32).toString('hex');
    const bundle = join(this.#root, 'bundles', id);
    mkdirSync(join(bundle, 'rootfs'), { recursive: true });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(this.#config(id, connections, serial)));
    const child = spawn('runc', ['--root', join(this.#root, 'state'), 'run', '--bundle', bundle, id], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-2000);
    });
    const exited = new Promise<void>((done) => {
      child.once('error', (error) => {
        words += error.message;
        done();
      });
      child.once('close', () => done());
    });
    let told = 0;
    const lines = 1 + 2 + 2 * connections;
    const made = new Promise<void>((done) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.o.tell(line);
        if (++told === lines) done();
      });
    });
    this.#running.push({ id, child, bundle, exited });
    await Promise.race([made, exited]);
    if (told < lines)
      throw new NetsoakError(
        'infra',
        'container-failed',
        `a container of the load ended: ${words.trim()}`,
        'is runc installed? `netsoak doctor` says',
      );
  }

  /** Ends the oldest, as an orchestrator does: SIGTERM, and its sockets are closed. */
  async stopOldest(): Promise<void> {
    const oldest = this.#running.shift();
    if (oldest) await this.#stop(oldest);
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((one) => this.#stop(one)));
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #stop({ id, child, bundle, exited }: Running): Promise<void> {
    // runc hands signals on to the container's first process, and removes the container when that is gone.
    child.kill('SIGTERM');
    const limit = setTimeout(
      () => spawn('runc', ['--root', join(this.#root, 'state'), 'delete', '--force', id], { stdio: 'ignore' }),
      this.o.limitSeconds * 1000,
    );
    await exited;
    clearTimeout(limit);
    rmSync(bundle, { recursive: true, force: true });
    this.#ended++;
  }

  /** OCI runtime specification 1.0: the least that runc takes. */
  #config(id: string, connections: number, serial: number): object {
    const bind = (path: string, to = path) => ({ destination: to, source: path, type: 'bind', options: ['rbind', 'ro'] });
    const capabilities = ['CAP_NET_ADMIN', 'CAP_CHOWN'];
    return {
      ociVersion: '1.0.2',
      process: {
        terminal: false,
        user: { uid: 0, gid: 0 },
        args: ['/netsoak/netsoak-contained', id, String(connections), String(serial)],
        cwd: '/',
        noNewPrivileges: true,
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      },
      root: { path: 'rootfs', readonly: false },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        // A target's /run takes no devices, and the bundle lies there.
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
        // Where libraries stand; links such as /lib are followed by their source.
        ...['/usr', '/lib', '/lib64'].map((path) => bind(path)),
        bind(dirname(this.o.program), '/netsoak'),
      ],
      linux: {
        cgroupsPath: `/${this.o.cgroup}/docker/${id}`,
        namespaces: ['network', 'pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })),
      },
    };
  }
}
