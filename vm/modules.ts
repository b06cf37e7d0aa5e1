/**
 * What modules say of themselves, and in which order they can be loaded. The unpacked kernel package has no
 * modules.dep (its post-installation script would make it), so we read `.modinfo` and write the two index files
 * that busybox's modprobe needs. Pure: folders are read by kernel.ts.
 */
import { basename } from 'node:path';
import { elfSection } from './elf.js';

export interface ModuleInfo {
  /** Path below lib/modules/RELEASE: `kernel/net/ipv4/tcp_diag.ko`. */
  readonly path: string;
  /** As in /proc/modules, with `_` for `-`. */
  readonly name: string;
  readonly depends: readonly string[];
  readonly aliases: readonly string[];
}

/** `pvpanic-pci.ko` is module `pvpanic_pci`. */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.(xz|gz|zst))?$/, '')
    .replaceAll('-', '_');
}

/** Reads one (uncompressed) module. */
export function moduleInfo(path: string, file: Buffer): ModuleInfo {
  const fields = (elfSection(file, '.modinfo') ?? Buffer.alloc(0)).toString('latin1').split('\0');
  const values = (key: string) => fields.filter((field) => field.startsWith(`${key}=`)).map((field) => field.slice(key.length + 1));
  return {
    path,
    name: moduleName(path),
    depends: values('depends')
      .flatMap((list) => list.split(','))
      .filter((name) => name !== '')
      .map((name) => name.replaceAll('-', '_')),
    aliases: values('alias'),
  };
}

/** linux/module_signature.h: the last twelve bytes before this text are struct module_signature. */
const SIGNED = '~Module signature appended~\n';

/**
 * The module without the signature at its end. To check one costs 30 ms under TCG, of 50 ms that loading a module
 * takes, and proves nothing to us: we have just unpacked it ourselves.
 */
export function withoutSignature(file: Buffer): Buffer {
  const infoAt = file.length - SIGNED.length - 12;
  if (infoAt < 0 || file.toString('latin1', infoAt + 12) !== SIGNED) return file;
  // sig_len, big endian, is the struct's last field; signer_len and key_id_len stand before it as bytes 3 and 4.
  const appended = file.readUInt32BE(infoAt + 8) + (file[infoAt + 3] as number) + (file[infoAt + 4] as number);
  return file.subarray(0, infoAt - appended);
}

/**
 * The modules named and all that they need, in an order in which they can be loaded (what is needed first).
 * A name that is not there is skipped: it may be built in. A dependency that is not there is an error.
 */
export function loadOrder(modules: ReadonlyMap<string, ModuleInfo>, names: Iterable<string>): ModuleInfo[] {
  const done = new Map<string, ModuleInfo>();
  const add = (module: ModuleInfo, trail: readonly string[]): void => {
    if (done.has(module.name)) return;
    if (trail.includes(module.name)) throw new Error(`modules need each other: ${[...trail, module.name].join(' -> ')}`);
    for (const name of module.depends) {
      const needed = modules.get(name);
      if (needed === undefined) throw new Error(`module ${module.name} needs ${name}, which is not there`);
      add(needed, [...trail, module.name]);
    }
    done.set(module.name, module);
  };
  for (const name of names) {
    const module = modules.get(name);
    if (module !== undefined) add(module, []);
  }
  return [...done.values()];
}

/** `modules.dep` (modules.dep(5)): a module, then all that it needs, the one to be loaded first standing last. */
export function modulesDep(modules: ReadonlyMap<string, ModuleInfo>): string {
  return [...modules.values()]
    .map((module) => {
      const needed = loadOrder(modules, module.depends).map((m) => m.path);
      return `${module.path}:${needed
        .reverse()
        .map((path) => ` ${path}`)
        .join('')}\n`;
    })
    .join('');
}

/** Module paths of a `modules.dep`, by name, each with all that it needs in loading order, itself last. */
export function parseModulesDep(text: string): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const path = line.slice(0, colon);
    const needed = line
      .slice(colon + 1)
      .split(' ')
      .filter((word) => word !== '');
    byName.set(moduleName(path), [...needed.reverse(), path]);
  }
  return byName;
}

/** `modules.alias`: what the kernel asks for (`rtnl-link-dummy`) and which module that is. */
export function modulesAlias(modules: Iterable<ModuleInfo>): string {
  return [...modules].flatMap((module) => module.aliases.map((alias) => `alias ${alias} ${module.name}\n`)).join('');
}
