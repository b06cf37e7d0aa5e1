/** What a TLS connection failed by, in the words of an operator: Node and OpenSSL tell it by codes. Pure. */
import { MissingRight, UsageError } from '../errors.js';

/** Chains that end at nobody we trust (X509_V_ERR_... of OpenSSL, as Node calls them). */
const UNTRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/**
 * Why the two don't trust each other; undefined when it is something else.
 * @param error of a socket, with its code
 * @param code short and stable, of the exporter
 * @param farEnd its name
 */
export function tlsRefusal(error: Error, code: string, farEnd: string): UsageError | MissingRight | undefined {
  const reason = 'code' in error ? String(error.code) : '';
  if (UNTRUSTED.has(reason))
    return new UsageError(
      code,
      `the certificate of ${farEnd} is of no authority that is trusted here`,
      'name the file of its authority (PEM) by tls-ca',
    );
  if (reason === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new UsageError(
      code,
      `the certificate of ${farEnd} is for another name`,
      'call it by a name or address that its certificate has (subjectAltName), or have one made with this name',
    );
  if (reason === 'CERT_HAS_EXPIRED' || reason === 'CERT_NOT_YET_VALID')
    return new UsageError(code, `the certificate of ${farEnd} is not valid today`, 'renew it, or set the clock');
  if (/ALERT/.test(reason) && /CERTIFICATE|UNKNOWN_CA/.test(reason))
    return new MissingRight(
      code,
      `${farEnd} does not take the certificate of netsoakd, or wants one`,
      'name one that it trusts, and its key, by tls-cert and tls-key',
    );
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(reason) || /wrong version number|packet length too long/.test(error.message))
    return new UsageError(code, `${farEnd} does not speak TLS`, 'name the port that does, or leave TLS out');
  return undefined;
}
