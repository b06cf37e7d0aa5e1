/** What a request to http(s) takes besides its URL: who we are, and whom we trust. An agent keeps connections of other certificates apart. */
import type http from 'node:http';
import type https from 'node:https';
import type { CredentialsSource } from '../credentials.js';

/** @throws CollectorError */
export async function identityFor(
  url: URL,
  credentials: CredentialsSource,
): Promise<Pick<http.RequestOptions, 'auth'> & https.RequestOptions> {
  const { password, tls } = await credentials();
  const auth = url.username !== '' && url.password === '' && password !== undefined;
  return {
    ...(url.protocol === 'https:' ? tls : {}),
    ...(auth ? { auth: `${decodeURIComponent(url.username)}:${password}` } : {}),
  };
}
