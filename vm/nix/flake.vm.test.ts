/**
 * The flake, through Debian's nix and the stand-in: what is quick, and the command line through all that it builds. The
 * soak and `nix flake check` are in flake.long.test.ts.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { userCache } from '../cache.js';
import { FLAKE, nix } from './testing.js';

const SYSTEMS = ['aarch64-linux', 'x86_64-linux'];

/** A value of the flake's, evaluated. */
function value(attribute: string, apply: string, flake = FLAKE): unknown {
  const { status, stdout, stderr } = nix(['eval', '--json', `${flake}#${attribute}`, '--apply', apply]);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

it('has all outputs for both systems', () => {
  const { status, stdout, stderr } = nix(['flake', 'show', '--all-systems', '--json', FLAKE]);
  expect(status, stderr).toBe(0);
  const shown = JSON.parse(stdout) as Record<string, Record<string, Record<string, unknown>>>;
  const names = Object.fromEntries(
    Object.entries(shown).map(([output, of]) => [output, Object.entries(of).map(([name, what]) => [name, Object.keys(what)])]),
  );
  const onBoth = (attributes: string[]) => SYSTEMS.map((system) => [system, attributes]);
  expect(names).toEqual({
    apps: onBoth(['bench', 'default', 'doctor', 'soak', 'test']),
    checks: onBoth(['format', 'soak', 'test-race', 'unit']),
    devShells: onBoth(['default']),
    formatter: onBoth(['name', 'type']),
    nixosModules: [['netsoakd', ['type']]],
    overlays: [['default', ['type']]],
    packages: onBoth(['default', 'guest', 'netsoakd', 'test-race']),
  });
});

it.each(['packages', 'checks'])('evaluates all %s to the last derivation, for the system that this machine is not too', (output) => {
  const paths = value(output, 'builtins.mapAttrs (_: builtins.mapAttrs (_: package: package.drvPath))') as Record<
    string,
    Record<string, string>
  >;
  expect(Object.keys(paths)).toEqual(SYSTEMS);
  expect(
    Object.values(paths)
      .flatMap(Object.values)
      .filter((path) => !path.endsWith('.drv')),
  ).toEqual([]);
});

it('is given by the stand-in exactly what nixpkgs.json lists', () => {
  const listed = JSON.parse(readFileSync(join(FLAKE, 'vm/nix/nixpkgs.json'), 'utf8')) as { pkgs: Record<string, string> };
  // Packages and functions are leaves. (`modules` is an output of nixpkgs' kernel: part of a package, no attribute of its own.)
  const shape =
    'let shape = v: if builtins.isAttrs v && (v.type or "") != "derivation" then builtins.mapAttrs (_: shape) v else null; in shape';
  const given = value('legacyPackages', shape, join(userCache().own, 'nix/stand-in')) as Record<string, Tree>;
  expect(Object.keys(given)).toEqual(SYSTEMS);
  for (const of of Object.values(given)) expect(leaves(of).sort()).toEqual(Object.keys(listed.pkgs).sort());
});

interface Tree {
  readonly [name: string]: Tree | null;
}

function leaves(tree: Tree): string[] {
  return Object.entries(tree).flatMap(([name, below]) => (below === null ? [name] : leaves(below).map((rest) => `${name}.${rest}`)));
}

it('has a NixOS module whose options are the settings of the daemon', () => {
  interface Setting {
    readonly type: { readonly kind: string; readonly from?: number; readonly to?: number; readonly values?: readonly string[] };
    readonly default: unknown;
    readonly description: string;
  }
  const settings = JSON.parse(readFileSync(join(FLAKE, 'collector/options.json'), 'utf8')) as Record<string, Setting>;
  const declared = value('nixosModules.netsoakd', DECLARATIONS) as Record<string, unknown>;
  const typeOf = ({ kind, from, to, values }: Setting['type']): unknown => {
    if (kind === 'enum') return ['enum', values];
    if (kind === 'int' || kind === 'number') return [kind, from, to];
    return kind === 'strings' ? ['listOf', 'str'] : kind;
  };
  expect(declared).toEqual(
    Object.fromEntries(
      Object.entries(settings).map(([name, setting]) => [
        name,
        { ...setting, type: setting.default === null ? ['nullOr', typeOf(setting.type)] : typeOf(setting.type) },
      ]),
    ),
  );
});

/** What the module declares, read off with functions that hand back what they get: no module system, which would only prove itself. */
const DECLARATIONS = `module: (module {
  config = { };
  pkgs.stdenv.hostPlatform.system = "x86_64-linux";
  lib = {
    inherit (builtins) mapAttrs;
    literalExpression = text: text;
    mkEnableOption = _: null;
    mkIf = _: _: { };
    mkOption = option: option;
    types = {
      bool = "bool";
      enum = values: [ "enum" values ];
      ints.between = from: to: [ "int" from to ];
      listOf = type: [ "listOf" type ];
      nullOr = type: [ "nullOr" type ];
      numbers.between = from: to: [ "number" from to ];
      package = "package";
      str = "str";
    };
  };
}).options.services.netsoakd.settings`;

it.each(['soak', 'default'])('hands the arguments of %s on to netsoak run and its exit code back, from wherever one stands', (app) => {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-stand-'));
  try {
    const { status, stderr } = nix(['run', `${FLAKE}#${app}`, '--', '--duration', 'banana'], folder);
    expect(stderr).toContain('--duration banana: not a duration');
    expect(status).toBe(64);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('says in doctor what no machine of ours has run', () => {
  const { stdout } = nix(['run', `${FLAKE}#doctor`]);
  expect(stdout).toMatch(/guest kernel: 6\..*\n/);
  expect(stdout).toContain('aarch64');
});
