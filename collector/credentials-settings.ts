/** The settings by which netsoakd and a far end prove to each other who they are. They name files: a flag is read by everybody (ps). */
import { type ExportTarget, isTls, userOf } from './targets.js';

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/** Paths; '' is none. */
export interface CredentialsConfig {
  readonly 'password-file': string;
  readonly 'sasl-mechanism': SaslMechanism;
  readonly 'tls-ca': string;
  readonly 'tls-cert': string;
  readonly 'tls-key': string;
}

const file = (help: string) => ({
  value: 'FILE',
  help,
  fallback: () => '',
  expected: 'an absolute path',
  parse: (text: string) => (text === '' || text.startsWith('/') ? text : undefined),
});

export const CREDENTIAL_SETTINGS = {
  'password-file': file('password of the user whom export names, in a file that nobody else may read'),
  'sasl-mechanism': {
    value: 'MECHANISM',
    help: `how that user logs in to Kafka: ${SASL_MECHANISMS.join(', ')}`,
    fallback: () => 'SCRAM-SHA-512',
    expected: 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512',
    parse: (text: string) => SASL_MECHANISMS.find((mechanism) => mechanism === text),
  },
  'tls-ca': file("authorities (PEM) that far ends' certificates must be of, in place of those that Node brings"),
  'tls-cert': file('certificate (PEM) for far ends that ask for one'),
  'tls-key': file('its key (PEM, not encrypted), in a file that nobody else may read'),
};

/**
 * Values that are right each and wrong together, a sentence each.
 * @param targets all far ends that rows or records of polls go to
 */
export function credentialContradictions(config: CredentialsConfig, targets: readonly ExportTarget[]): string[] {
  const { 'password-file': password, 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key } = config;
  const waiting = targets.filter((target) => userOf(target)?.hasPassword === false);
  return [
    ...(password === '' && waiting.some(({ kind }) => kind === 'kafka')
      ? ['a user of Kafka needs a password: name the file that holds it by password-file']
      : []),
    ...(password !== '' && waiting.length === 0
      ? ['password-file is for a user whom export names without a password (kafka:USER@..., https://USER@...): name one, or leave it out']
      : []),
    ...((cert === '') === (key === '') ? [] : ['tls-cert and tls-key need each other: set both, or none']),
    ...([ca, cert, key].some((path) => path !== '') && !targets.some(isTls)
      ? ['tls-ca, tls-cert and tls-key are for TLS, and nothing is exported by it: export to kafka+ssl: or https:, or leave them out']
      : []),
  ];
}
