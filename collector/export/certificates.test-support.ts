/** Certificates of two authorities, made by openssl(1). */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly own: Pair;
  /** For 127.0.0.1 and localhost. */
  readonly server: Pair;
  /** For a name that nobody calls. */
  readonly elsewhere: Pair;
  /** Of CN=alice. */
  readonly client: Pair;
  /** Of an authority that nobody knows, with its certificate. */
  readonly stranger: Pair & { readonly ca: string };
}

export function makeCertificates(dir: string): Certificates {
  const own = authority(dir, 'own');
  const other = authority(dir, 'other');
  return {
    own,
    server: certificate(dir, own, 'server', 'DNS:localhost,IP:127.0.0.1'),
    elsewhere: certificate(dir, own, 'elsewhere', 'DNS:elsewhere.example'),
    client: certificate(dir, own, 'alice', 'DNS:alice'),
    stranger: { ca: other.cert, ...certificate(dir, other, 'mallory', 'DNS:mallory') },
  };
}

function authority(dir: string, name: string): Pair {
  const pair = { cert: join(dir, `${name}-ca.pem`), key: join(dir, `${name}-ca.key`) };
  openssl('req', '-x509', ...NEW_KEY, '-keyout', pair.key, '-out', pair.cert, '-days', '2', '-subj', `/CN=${name} authority`);
  return pair;
}

/** @param names its subjectAltName */
function certificate(dir: string, { cert: ca, key: caKey }: Pair, name: string, names: string): Pair {
  const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((kind) => join(dir, `${name}.${kind}`)) as [
    string,
    string,
    string,
    string,
  ];
  fs.writeFileSync(extensions, `subjectAltName=${names}\n`);
  openssl('req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
  openssl('x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-days', '2', '-extfile', extensions, '-out', cert);
  return { cert, key };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { stdio: 'pipe' });
}
