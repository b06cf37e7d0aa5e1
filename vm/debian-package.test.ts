import { describe, expect, it } from 'vitest';
import { kernelPackageOf, parsePackageName, parseTargets, sourcesOfSuite } from './debian-package.js';

describe('the kernel package', () => {
  it("is what Debian's meta package depends on", () => {
    expect(kernelPackageOf('linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n')).toBe('linux-image-6.1.0-56-amd64');
  });
  it('is unknown while apt has no lists', () => {
    expect(kernelPackageOf('')).toBeUndefined();
    expect(kernelPackageOf('linux-image-amd64\n  Depends: <linux-image-amd64>\n')).toBeUndefined();
  });
  it('is named as apt names it, with a suite if need be', () => {
    expect(parsePackageName('linux-image-6.12.1+deb13-amd64')).toEqual({ name: 'linux-image-6.12.1+deb13-amd64' });
    expect(parsePackageName('linux-image-amd64/bookworm-backports')).toEqual({ name: 'linux-image-amd64', suite: 'bookworm-backports' });
    for (const word of ['./kernel', 'a/b/c', 'Linux', 'linux-image-amd64/', 'x']) expect(parsePackageName(word), word).toBeUndefined();
  });
});

describe('another suite', () => {
  const listed = ['Debian|bookworm|http://mirror/debian/', 'Debian|bookworm-security|http://mirror/security/', 'Other||http://other/', ''];
  const sources = parseTargets(listed.join('\n'));
  const found = (suite: string, own = 'bookworm') => sourcesOfSuite(suite, own, sources).map(({ codename, uri }) => `${codename} ${uri}`);

  it('lies where the machine takes its own release from, and its security updates beside those', () => {
    expect(found('bullseye')).toEqual(['bullseye http://mirror/debian/', 'bullseye-security http://mirror/security/']);
    expect(found('bookworm-backports')).toEqual(['bookworm-backports http://mirror/debian/']);
    expect(found('trixie-security')).toEqual(['trixie-security http://mirror/security/']);
  });
  it('is nowhere when the machine has no source of Debian', () => {
    expect(found('trixie', 'jammy')).toEqual([]);
    expect(sourcesOfSuite('trixie', '', parseTargets('|bookworm|http://mirror/\n'))).toEqual([]);
  });
});
