import { describe, expect, it } from 'vitest';
import { containerOf } from './containers.js';

const ID = 'a1b2c3d4e5f60718'.repeat(4);
const POD = '0f'.repeat(32);
const UID = '5f7dc0a3-4c1e-4d52-9a7e-0123456789ab';
const FLAT = UID.replaceAll('-', '_');
const v2 = (path: string) => `0::${path}\n`;
const v1 = (path: string) => `12:memory:${path}\n11:cpu,cpuacct:${path}\n1:name=systemd:${path}\n0::/system.slice\n`;

describe('the container of a process', () => {
  it.each([
    ['docker, cgroupfs', `/docker/${ID}`, ID, 'docker'],
    ['docker, systemd', `/system.slice/docker-${ID}.scope`, ID, 'docker'],
    ['docker, rootless', `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`, ID, 'docker'],
    ['docker, with an init of its own', `/system.slice/docker-${ID}.scope/init.scope`, ID, 'docker'],
    ['docker in docker', `/docker/${POD}/docker/${ID}`, ID, 'docker'],
    [
      'Kubernetes with docker',
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${FLAT}.slice/docker-${ID}.scope`,
      ID,
      'docker',
    ],
    [
      'containerd, systemd',
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${FLAT}.slice/cri-containerd-${ID}.scope`,
      ID,
      'containerd',
    ],
    [
      'containerd, two drivers at odds',
      `/system.slice/containerd.service/kubepods-burstable-pod${FLAT}.slice:cri-containerd:${ID}`,
      ID,
      'containerd',
    ],
    ['containerd, cgroupfs', `/kubepods/burstable/pod${UID}/${ID}`, ID, 'containerd'],
    ['containerd, guaranteed', `/kubepods/pod${UID}/${ID}`, ID, 'containerd'],
    [
      'containerd in kind',
      `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${FLAT}.slice/cri-containerd-${ID}.scope`,
      ID,
      'containerd',
    ],
    ['containerd, nerdctl', `/system.slice/nerdctl-${ID}.scope`, ID, 'containerd'],
    ['containerd, nerdctl and cgroupfs', `/default/${ID}`, ID, 'containerd'],
    ['CRI-O, systemd', `/kubepods.slice/kubepods-pod${FLAT}.slice/crio-${ID}.scope`, ID, 'cri-o'],
    ['CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-${ID}`, ID, 'cri-o'],
    ['CRI-O with crun', `/kubepods.slice/kubepods-pod${FLAT}.slice/crio-${ID}.scope/container`, ID, 'cri-o'],
    ['podman', `/machine.slice/libpod-${ID}.scope`, ID, 'podman'],
    ['podman with crun', `/machine.slice/libpod-${ID}.scope/container`, ID, 'podman'],
    ['podman, rootless', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`, ID, 'podman'],
    ['podman in a pod', `/machine.slice/machine-libpod_pod_${POD}.slice/libpod-${ID}.scope`, ID, 'podman'],
    ['podman, cgroupfs', `/libpod_parent/libpod-${ID}`, ID, 'podman'],
    ['podman under systemd', `/system.slice/web.service/libpod-payload-${ID}`, ID, 'podman'],
    ['crun', '/user.slice/user-0.slice/crun-web_1.scope', 'web_1', 'crun'],
    ['crun, a cgroup below', '/system.slice/crun-web.scope/container', 'web', 'crun'],
    ['systemd-nspawn', '/machine.slice/systemd-nspawn@web.service/payload', 'web', 'systemd-nspawn'],
    ['systemd-nspawn, inside', '/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service', 'web', 'systemd-nspawn'],
    ['systemd-nspawn from a shell', '/machine.slice/machine-web\\x2dfront.scope/payload/init.scope', 'web-front', 'systemd-nspawn'],
  ])('%s', (_, path, id, runtime) => {
    expect(containerOf(v2(path))).toEqual({ id, runtime });
    expect(containerOf(v1(path))).toEqual({ id, runtime });
    // As seen from a cgroup namespace beside it.
    expect(containerOf(v2(`/../..${path}`))).toEqual({ id, runtime });
  });

  it.each([
    ['a unit with 64 hex digits', `/system.slice/backup-${ID}.service`],
    ['a directory of 64 hex digits', `/user.slice/${ID}`],
    ['the mount of an image layer', `/system.slice/var-lib-docker-overlay2-${ID}-merged.mount`],
    ['a unit that docker names', `/system.slice/docker-${ID}.mount`],
    ['a health check of podman', `/system.slice/${ID}.service`],
    ['65 digits', `/docker/${ID}a`],
    ['63 digits', `/docker/${ID.slice(1)}`],
    ['capitals', `/docker/${ID.toUpperCase()}`],
    ['the monitor of a container of podman', `/machine.slice/libpod-conmon-${ID}.scope`],
    ['the monitor of a container of CRI-O', `/kubepods.slice/crio-conmon-${ID}.scope`],
    ['a pod of podman without a container', `/machine.slice/machine-libpod_pod_${POD}.slice`],
    ['a pod of Kubernetes without a container', `/kubepods/burstable/pod${UID}`],
    ['systemd-nspawn itself', '/machine.slice/systemd-nspawn@web.service/supervisor'],
    ['a virtual machine', '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator'],
    ['the daemon', '/system.slice/docker.service'],
    ['the root', '/'],
    ['nothing', ''],
  ])('none: %s', (_, path) => {
    expect(containerOf(v2(path))).toBeUndefined();
    expect(containerOf(v1(path))).toBeUndefined();
  });

  it('is found in whatever hierarchy tells of it', () => {
    expect(containerOf(`12:pids:/\n3:cpuset:/docker/${ID}\n0::/\n`)).toEqual({ id: ID, runtime: 'docker' });
    expect(containerOf('')).toBeUndefined();
    expect(containerOf('garbage')).toBeUndefined();
  });
});
