/**
 * Which container a process is in, told by the path of its cgroup. Pure. A path is taken for a container's only where it stands as a container
 * runtime makes it: 64 hex digits alone prove nothing (a backup's unit, an image layer's mount, a pod's slice have them too).
 */

export type ContainerRuntime = 'docker' | 'containerd' | 'cri-o' | 'podman' | 'crun' | 'systemd-nspawn';

export interface Container {
  readonly id: string;
  readonly runtime: ContainerRuntime;
}

const ID = '([0-9a-f]{64})';

/** A directory of the path by itself. The systemd drivers name their scopes so, the cgroupfs drivers of CRI-O and podman their directories. */
const DIRECTORIES: readonly (readonly [RegExp, ContainerRuntime])[] = [
  [new RegExp(`^docker-${ID}\\.scope$`), 'docker'],
  [new RegExp(`^(?:cri-containerd|nerdctl|containerd)-${ID}\\.scope$`), 'containerd'],
  // containerd with runc's systemd driver off and kubelet's on: kubepods-...-pod<uid>.slice:cri-containerd:<id>
  [new RegExp(`^[^/]+\\.slice:cri-containerd:${ID}$`), 'containerd'],
  [new RegExp(`^[^/]+\\.slice:docker:${ID}$`), 'docker'],
  // crio-conmon-<id>.scope and libpod-conmon-<id>.scope hold the monitor, outside the container.
  [new RegExp(`^crio-${ID}(?:\\.scope)?$`), 'cri-o'],
  [new RegExp(`^libpod-(?:payload-)?${ID}(?:\\.scope)?$`), 'podman'],
  [/^crun-(.+)\.scope$/, 'crun'],
  [/^systemd-nspawn@(.+)\.service$/, 'systemd-nspawn'],
  // As machined registers what was started from a shell; libvirt's machines are registered as machine-qemu-..., machine-lxc-...
  [/^machine-(?!qemu(?:\\x2d|-)|lxc(?:\\x2d|-))(.+)\.scope$/, 'systemd-nspawn'],
];

/** Bare ids and names, by the directory that holds them: the cgroupfs drivers. */
const PARENTS: readonly (readonly [parent: RegExp, child: RegExp, runtime: ContainerRuntime])[] = [
  [/^docker$/, new RegExp(`^${ID}$`), 'docker'],
  // /kubepods/burstable/pod<uid>/<id>: docker has left Kubernetes, and CRI-O writes crio-<id>.
  [/^pod[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$|^pod[0-9a-f]{32}$/, new RegExp(`^${ID}$`), 'containerd'],
  // The namespaces of containerd that ctr, nerdctl and kubelet use.
  [/^(?:default|k8s\.io|moby)$/, new RegExp(`^${ID}$`), 'containerd'],
  [/^crio$/, new RegExp(`^${ID}$`), 'cri-o'],
  [/^libpod_parent$/, new RegExp(`^${ID}$`), 'podman'],
  [/^crun$/, /^(.+)$/, 'crun'],
];

/**
 * @param cgroup what /proc/PID/cgroup says: one line a hierarchy (version 1), `0::PATH` alone (version 2), or both
 * @returns the innermost container of the first hierarchy that tells of one: a container in a container is itself, not its host
 */
export function containerOf(cgroup: string): Container | undefined {
  for (const line of cgroup.split('\n')) {
    // hierarchy:controllers:path, and the path may hold colons.
    const path = /^\d+:[^:]*:(.*)$/.exec(line)?.[1];
    const container = path === undefined ? undefined : containerOfPath(path);
    if (container !== undefined) return container;
  }
  return undefined;
}

function containerOfPath(path: string): Container | undefined {
  const parts = path.split('/');
  for (let at = parts.length - 1; at > 0; at--) {
    const part = parts[at] as string;
    const parent = parts[at - 1] as string;
    // What systemd-nspawn runs itself in; the machine is in payload/.
    if (part === 'supervisor') return undefined;
    for (const [pattern, runtime] of DIRECTORIES) {
      const id = pattern.exec(part)?.[1];
      if (id !== undefined) return { id: runtime === 'systemd-nspawn' ? unescaped(id) : id, runtime };
    }
    for (const [above, pattern, runtime] of PARENTS) {
      const id = above.test(parent) ? pattern.exec(part)?.[1] : undefined;
      if (id !== undefined) return { id, runtime };
    }
  }
  return undefined;
}

/** systemd.unit(5): `\x2d` stands for a byte of a name, `-` for a slash, which no machine's name has. */
function unescaped(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
