/** Which errors of kafkajs say that a broker will not have us, as we are configured: a sentence, a cure and an exit code. Pure. */
import type { CollectorError } from '../errors.js';
import { MissingRight, UsageError } from '../errors.js';
import type { KafkaTarget } from '../targets.js';
import { tlsRefusal } from './tls-refusal.js';

const CODE = 'export-kafka';

/** Undefined: it is trouble, which may pass. */
export function kafkaRefusal(error: unknown, target: KafkaTarget): CollectorError | undefined {
  const brokers = brokersOf(target);
  const who = target.user ?? 'us';
  const principal = target.user === undefined ? 'its user' : `User:${target.user}`;
  for (const one of causesOf(error)) {
    const type = 'type' in one ? String(one.type) : '';
    if (type === 'UNSUPPORTED_SASL_MECHANISM' || /mechanism is not supported/.test(one.message))
      return new UsageError(
        CODE,
        `${brokers} takes no logins by this sasl-mechanism`,
        'set sasl-mechanism to one of its sasl.enabled.mechanisms',
      );
    if (type === 'SASL_AUTHENTICATION_FAILED' || (one.name === 'KafkaJSSASLAuthenticationError' && !isTrouble(one.message)))
      return new MissingRight(
        CODE,
        `${brokers} does not let ${who} in: user, password or sasl-mechanism is wrong`,
        'mend the user in export, what stands in password-file, or sasl-mechanism',
      );
    if (type === 'TOPIC_AUTHORIZATION_FAILED')
      return new MissingRight(
        CODE,
        `${brokers} does not let ${who} write to the topic ${target.topic}`,
        `allow ${principal} the operation WRITE on it (kafka-acls.sh --add), which allows DESCRIBE too`,
      );
    if (type === 'CLUSTER_AUTHORIZATION_FAILED')
      return new MissingRight(
        CODE,
        `${brokers} does not let ${who} number messages (InitProducerId)`,
        `allow ${principal} WRITE on the topic ${target.topic}; before Kafka 2.8 also IDEMPOTENT_WRITE on the cluster`,
      );
    const refusal = tlsRefusal(one, CODE, brokers);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export function brokersOf({ brokers }: KafkaTarget): string {
  return `kafka ${brokers.map(({ host, port }) => `${host}:${port}`).join(',')}`;
}

/** Under the wrapping that kafkajs puts round the last of its tries, outermost first. */
export function* causesOf(error: unknown): Generator<Error> {
  for (let one = error; one instanceof Error; one = one.cause) yield one;
}

/** kafkajs calls every failure during a login an authentication error, a connection that broke too. */
function isTrouble(message: string): boolean {
  return /connection|timed out|timeout|socket/i.test(message);
}
