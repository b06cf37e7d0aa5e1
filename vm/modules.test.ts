import { describe, expect, it } from 'vitest';
import { elfNotes, elfSection } from './elf.js';
import {
  loadOrder,
  type ModuleInfo,
  moduleInfo,
  moduleName,
  modulesAlias,
  modulesDep,
  parseModulesDep,
  withoutSignature,
} from './modules.js';
import { elfFile } from './testing/elf-file.js';

const module = (name: string, ...depends: string[]): [string, ModuleInfo] => [
  name,
  { path: `kernel/${name.replaceAll('_', '-')}.ko`, name, depends, aliases: [] },
];
const names = (modules: readonly ModuleInfo[]) => modules.map(({ name }) => name);

describe('what a module says of itself', () => {
  const file = elfFile({ '.text': 'code', '.modinfo': 'license=GPL\0depends=inet_diag,llc-x\0alias=a*b\0alias=c\0' });
  it('is read from .modinfo, names with underscores', () => {
    expect(moduleInfo('kernel/net/tcp-diag.ko', file)).toEqual({
      path: 'kernel/net/tcp-diag.ko',
      name: 'tcp_diag',
      depends: ['inet_diag', 'llc_x'],
      aliases: ['a*b', 'c'],
    });
  });
  it('may be that it needs nothing', () => {
    expect(moduleInfo('a.ko', elfFile({ '.modinfo': 'depends=\0' })).depends).toEqual([]);
  });
  it('finds a section by its whole name', () => {
    expect(elfSection(file, '.text')?.toString()).toBe('code');
    expect(elfSection(file, '.tex')).toBeUndefined();
  });
  it('refuses what is no ELF file', () => {
    expect(() => elfNotes(Buffer.alloc(100))).toThrow('not a 64-bit little-endian ELF file');
  });
});

it('knows a module by its name, compressed or not', () => {
  expect(['x/pvpanic-pci.ko', 'pvpanic-pci.ko.xz', 'pvpanic_pci.ko.zst'].map(moduleName)).toEqual(Array(3).fill('pvpanic_pci'));
});

describe('the order of loading', () => {
  const modules = new Map([
    module('tcp_diag', 'inet_diag'),
    module('inet_diag'),
    module('bridge', 'stp', 'llc'),
    module('stp', 'llc'),
    module('llc'),
  ]);
  it('has what is needed first, each once', () => {
    expect(names(loadOrder(modules, ['bridge', 'tcp_diag', 'stp']))).toEqual(['llc', 'stp', 'bridge', 'inet_diag', 'tcp_diag']);
  });
  it('skips what the kernel has built in', () => {
    expect(names(loadOrder(modules, ['ext4', 'llc']))).toEqual(['llc']);
  });
  it('names the module that lacks one', () => {
    expect(() => loadOrder(new Map([module('a', 'b')]), ['a'])).toThrow('module a needs b, which is not there');
  });
  it('does not run for ever in a circle', () => {
    expect(() => loadOrder(new Map([module('a', 'b'), module('b', 'a')]), ['a'])).toThrow('a -> b -> a');
  });
  it('survives being written to modules.dep and read again', () => {
    expect(parseModulesDep(modulesDep(modules)).get('bridge')).toEqual(['kernel/llc.ko', 'kernel/stp.ko', 'kernel/bridge.ko']);
  });
  it('stands in modules.dep with the one to load first last, as modprobe reads it', () => {
    expect(modulesDep(modules)).toContain('kernel/bridge.ko: kernel/stp.ko kernel/llc.ko\n');
  });
});

it('writes one alias a line', () => {
  expect(modulesAlias([{ path: 'p', name: 'veth', depends: [], aliases: ['rtnl-link-veth', 'x'] }])).toBe(
    'alias rtnl-link-veth veth\nalias x veth\n',
  );
});

describe('a signature', () => {
  const code = Buffer.from('the module itself');
  const info = Buffer.alloc(12);
  info.writeUInt32BE(5, 8);
  it('is cut off', () => {
    const signed = Buffer.concat([code, Buffer.from('PKCS7'), info, Buffer.from('~Module signature appended~\n')]);
    expect(withoutSignature(signed)).toEqual(code);
  });
  it('need not be there', () => {
    expect(withoutSignature(code)).toEqual(code);
  });
});
