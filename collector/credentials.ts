/**
 * What proves to a far end who we are, and that it is whom we mean: read from its files whenever it is needed, so that what was renewed counts
 * from the next connection on. A secret in a file that others may read is refused, by the rule of libpq: only its owner, who is we or root; and
 * a group where that is root.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { CredentialsConfig, SaslMechanism } from './credentials-settings.js';
import { errnoOf, MissingRight, reasonOf, UsageError } from './errors.js';

export interface Credentials {
  readonly password?: string;
  readonly mechanism: SaslMechanism;
  /** PEM, as tls.connect() takes it. Without `ca`: the authorities that Node brings. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

/** @throws CollectorError that names the setting and its file */
export type CredentialsSource = () => Promise<Credentials>;

/** For far ends that want nothing of the kind. */
export const NO_CREDENTIALS: CredentialsSource = async () => ({ mechanism: 'SCRAM-SHA-512', tls: {} });

const LONGEST = 1 << 20;

/** @throws CollectorError that names the setting and its file */
export async function readCredentials(config: CredentialsConfig): Promise<Credentials> {
  const read = (key: FileKey, isSecret: boolean) => (config[key] === '' ? undefined : readOne(key, config[key], isSecret));
  const [password, ca, cert, key] = await Promise.all([
    read('password-file', true),
    read('tls-ca', false),
    read('tls-cert', false),
    read('tls-key', true),
  ]);
  return {
    mechanism: config['sasl-mechanism'],
    ...(password && { password: passwordOf(password, config['password-file']) }),
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
  };
}

/**
 * As {@link readCredentials}, and looks into the certificates: what OpenSSL will not take is refused now, not at some connection.
 * @throws CollectorError
 */
export async function checkCredentials(config: CredentialsConfig): Promise<void> {
  const { ca, cert, key } = (await readCredentials(config)).tls;
  if (ca === undefined && cert === undefined) return;
  const [{ X509Certificate }, { createSecureContext }] = await Promise.all([import('node:crypto'), import('node:tls')]);
  const attempt = (settings: string, read: () => unknown) => {
    try {
      read();
    } catch (error) {
      const reason = (error as Error).message.replace(/^error:[0-9A-F]+:/, '');
      throw new UsageError(
        'credentials',
        `${settings}: OpenSSL does not take it: ${reason}`,
        'give PEM files, and a key without a passphrase',
      );
    }
  };
  // A context takes authorities that are none, and then trusts nobody.
  if (ca !== undefined) attempt(`tls-ca ${config['tls-ca']}`, () => new X509Certificate(ca));
  if (cert !== undefined && key !== undefined)
    attempt(`tls-cert ${config['tls-cert']}, tls-key ${config['tls-key']}`, () => createSecureContext({ cert, key }));
}

type FileKey = 'password-file' | 'tls-ca' | 'tls-cert' | 'tls-key';

async function readOne(key: FileKey, path: string, isSecret: boolean): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    // A FIFO would wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, uid, size } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new UsageError('credentials', `${key}: ${path} is no file`);
    if (size > LONGEST) throw new UsageError('credentials', `${key}: ${path} is too long for what it should be (${size} bytes)`);
    if (isSecret) refuseOthers(key, path, mode & 0o777, uid);
    return await file.readFile();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const sentence = `${key}: cannot read ${path}: ${reasonOf(error)}`;
    throw errnoOf(error) === 'EACCES' ? new MissingRight('credentials', sentence) : new UsageError('credentials', sentence);
  } finally {
    await file?.close();
  }
}

function refuseOthers(key: FileKey, path: string, mode: number, uid: number): void {
  const refuse = (what: string, hint: string) => {
    throw new UsageError('credentials', `${key}: ${path} ${what}, and it holds a secret`, hint);
  };
  if (uid !== 0 && uid !== process.geteuid?.()) refuse(`belongs to the user ${uid}`, 'give it to root, or to the user of netsoakd');
  // systemd's credentials and mounted secrets are root's, and let a group read.
  const others = uid === 0 ? 0o037 : 0o077;
  if ((mode & others) !== 0) refuse(`is open to others (mode ${mode.toString(8).padStart(3, '0')})`, `chmod 600 ${path}`);
}

function passwordOf(bytes: Buffer, path: string): string {
  // An editor's last newline is none of it.
  const text = bytes.toString().replace(/\r?\n$/, '');
  if (text === '') throw new UsageError('credentials', `password-file: ${path} is empty`);
  return text;
}
