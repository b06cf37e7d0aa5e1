/**
 * The settings of `netsoakd` as a NixOS module declares options: a type, a default and a description each. Derived from
 * what config.ts says it expects, so that there is one table; options.test.ts holds each type against what the setting
 * really takes.
 */
import { type Config, KEYS, SETTINGS } from './config.js';

export type OptionType =
  | { readonly kind: 'bool' | 'str' | 'strings' }
  | { readonly kind: 'int' | 'number'; readonly from: number; readonly to: number }
  | { readonly kind: 'enum'; readonly values: readonly string[] };

export interface Option {
  readonly type: OptionType;
  /** null: the daemon finds it on the machine. */
  readonly default: string | number | boolean | readonly string[] | null;
  readonly description: string;
}

/** Their defaults are the machine's: cores, name. */
const OF_THE_MACHINE: readonly (keyof Config)[] = ['hostname', 'workers'];

export function options(): Record<string, Option> {
  return Object.fromEntries(KEYS.map((key) => [key, optionOf(key)]));
}

function optionOf(key: keyof Config): Option {
  const { expected, fallback, help } = SETTINGS[key];
  const type = typeOf(expected);
  return {
    type,
    default: OF_THE_MACHINE.includes(key) ? null : defaultOf(type, fallback()),
    description: `${sentence(help)} Takes ${expected}.`,
  };
}

/** Reads the sentence by which a wrong value is refused. What it does not know is text. */
function typeOf(expected: string): OptionType {
  const range = /^a (whole )?number from (\d[\d.]*) to (\d[\d.]*)$/.exec(expected);
  if (range) return { kind: range[1] === undefined ? 'number' : 'int', from: Number(range[2]), to: Number(range[3]) };
  if (expected === 'true or false') return { kind: 'bool' };
  if (expected === 'absolute paths') return { kind: 'strings' };
  const words = expected.split(/, | or /);
  return words.length > 1 && words.every((word) => /^[A-Za-z][A-Za-z0-9-]*$/.test(word))
    ? { kind: 'enum', values: words }
    : { kind: 'str' };
}

function defaultOf({ kind }: OptionType, text: string): Option['default'] {
  switch (kind) {
    case 'bool':
      return text === 'true';
    case 'int':
    case 'number':
      return Number(text);
    case 'strings':
      return text.split(',');
    case 'enum':
    case 'str':
      return text;
  }
}

function sentence(help: string): string {
  return `${help.charAt(0).toUpperCase()}${help.slice(1)}.`;
}
