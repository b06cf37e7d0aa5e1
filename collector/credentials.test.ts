import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkCredentials, readCredentials } from './credentials.js';
import type { CredentialsConfig } from './credentials-settings.js';

const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-credentials-'));
afterAll(() => fs.rmSync(dir, { recursive: true }));
let files = 0;
function fileWith(text: string, mode = 0o600): string {
  const path = join(dir, `file-${files++}`);
  fs.writeFileSync(path, text);
  fs.chmodSync(path, mode);
  return path;
}

const of = (config: Partial<CredentialsConfig>): CredentialsConfig => ({
  'password-file': '',
  'sasl-mechanism': 'PLAIN',
  'tls-ca': '',
  'tls-cert': '',
  'tls-key': '',
  ...config,
});

describe('credentials', () => {
  it('are what their files hold at this moment, a password without its last newline', async () => {
    const path = fileWith(' a b \n');
    expect(await readCredentials(of({ 'password-file': path }))).toEqual({ mechanism: 'PLAIN', password: ' a b ', tls: {} });
    fs.writeFileSync(path, 'next\r\n');
    expect(await readCredentials(of({ 'password-file': path }))).toMatchObject({ password: 'next' });
    const ca = fileWith('PEM', 0o644);
    expect(await readCredentials(of({ 'tls-ca': ca }))).toEqual({ mechanism: 'PLAIN', tls: { ca: Buffer.from('PEM') } });
  });

  it.each([0o604, 0o640, 0o620, 0o660, 0o644])('that others than the owner may read or change are refused: mode %o', async (mode) => {
    const path = fileWith('secret', mode);
    // Where root is the owner a group may read: so systemd and Kubernetes hand secrets over.
    const allowed = process.geteuid?.() === 0 && mode === 0o640;
    for (const key of ['password-file', 'tls-key'] as const) {
      const read = readCredentials(of({ [key]: path }));
      if (allowed) await expect(read).resolves.toBeDefined();
      else
        await expect(read).rejects.toMatchObject({
          exitCode: 64,
          message: `${key}: ${path} is open to others (mode ${mode.toString(8)}), and it holds a secret`,
          hint: `chmod 600 ${path}`,
        });
    }
  });

  it.each([
    ['is not there', () => join(dir, 'none'), 'no such file or directory'],
    ['is empty', () => fileWith('\n'), 'is empty'],
    ['is a folder', () => dir, 'is no file'],
    ['is too long', () => fileWith('x'.repeat(2 << 20)), 'is too long'],
  ])('whose file %s are refused by the name of the setting', async (_, path, sentence) => {
    await expect(readCredentials(of({ 'password-file': path() }))).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringMatching(`^password-file: .*${sentence}`),
    });
  });

  it('that OpenSSL will not take are refused at the start', async () => {
    await expect(checkCredentials(of({ 'tls-ca': fileWith('no PEM') }))).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringMatching('^tls-ca .* OpenSSL does not take it: '),
    });
    await expect(checkCredentials(of({ 'tls-cert': fileWith('x'), 'tls-key': fileWith('y') }))).rejects.toMatchObject({ exitCode: 64 });
    await expect(checkCredentials(of({}))).resolves.toBeUndefined();
  });
});
