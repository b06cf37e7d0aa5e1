import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KEYS, SETTINGS } from './config.js';
import { type Option, options } from './options.js';

const takes = (key: string, value: unknown): boolean => {
  try {
    return SETTINGS[key as keyof typeof SETTINGS].parse(String(value)) !== undefined;
  } catch {
    return false;
  }
};

describe('the options of the NixOS module', () => {
  it('are those of the configuration schema, as collector/options.json has them', () => {
    const written = JSON.parse(readFileSync('collector/options.json', 'utf8')) as Record<string, Option>;
    expect(written, 'run `npm run options`').toEqual(JSON.parse(JSON.stringify(options())));
    expect(Object.keys(written)).toEqual([...KEYS]);
  });

  it.each(Object.entries(options()))('%s has a type that takes what the setting takes, and a default that it takes', (key, option) => {
    const { type } = option;
    if (option.default !== null) expect(takes(key, option.default), `default ${option.default}`).toBe(true);
    expect(option.description).toMatch(/^[A-Z].*\.$/s);
    switch (type.kind) {
      case 'bool':
        expect([takes(key, true), takes(key, false), takes(key, 'maybe')]).toEqual([true, true, false]);
        break;
      case 'int':
        expect([type.from - 1, type.from, type.to, type.to + 1].map((n) => takes(key, n))).toEqual([false, true, true, false]);
        expect(takes(key, type.from + 0.5)).toBe(false);
        break;
      case 'number':
        expect([type.from, (type.from + type.to) / 2, type.to, type.to + 1].map((n) => takes(key, n))).toEqual([true, true, true, false]);
        break;
      case 'enum':
        expect(type.values.filter((value) => !takes(key, value))).toEqual([]);
        expect(takes(key, 'somethingElse')).toBe(false);
        break;
      case 'strings':
        expect(takes(key, ['/a', '/b'])).toBe(true);
        break;
      case 'str':
        // Not a bool that went unrecognised.
        expect(takes(key, true) && takes(key, false) && !takes(key, 'text')).toBe(false);
    }
  });
});
