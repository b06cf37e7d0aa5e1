/**
 * A broker that asks who one is, on listeners of three kinds, and lets its users do what an ACL says. Its own listener stays
 * open, for the test to be its administrator by.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { Broker } from '../../harness/pipeline/broker.js';
import { freePorts } from '../../harness/pipeline/program.js';
import { type Certificates, makeCertificates, type Pair } from './certificates.test-support.js';

export const PASSWORD = 'alice-secret';

export interface SecuredBroker {
  readonly broker: Broker;
  /** Ports by what they speak. */
  readonly ports: Readonly<Record<'sasl' | 'only256' | 'saslSsl' | 'ssl' | 'elsewhere', number>>;
  readonly certificates: Certificates;
}

export async function startSecuredBroker(dir: string): Promise<SecuredBroker> {
  const certificates = makeCertificates(dir);
  const [sasl = 0, only256 = 0, saslSsl = 0, ssl = 0, elsewhereSsl = 0] = await freePorts(5);
  const security = 'org.apache.kafka.common.security';
  const logins = (name: string) => ({
    [`listener.name.${name}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`listener.name.${name}.plain.sasl.jaas.config`]: `${security}.plain.PlainLoginModule required user_alice="${PASSWORD}";`,
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
  });
  const [broker] = await Broker.startCluster(join(dir, 'kafka'), 1, {
    secured: {
      listeners: [
        { name: 'LOGIN', protocol: 'SASL_PLAINTEXT', port: sasl },
        { name: 'BOTH', protocol: 'SASL_SSL', port: saslSsl },
        { name: 'ONLY', protocol: 'SASL_PLAINTEXT', port: only256 },
        { name: 'MUTUAL', protocol: 'SSL', port: ssl },
        { name: 'ELSEWHERE', protocol: 'SSL', port: elsewhereSsl },
      ],
      properties: {
        ...logins('login'),
        ...logins('both'),
        ...logins('only'),
        'listener.name.only.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': keystoreOf(certificates.server),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': certificates.own.cert,
        'listener.name.elsewhere.ssl.keystore.type': 'PEM',
        'listener.name.elsewhere.ssl.keystore.location': keystoreOf(certificates.elsewhere),
        'listener.name.mutual.ssl.client.auth': 'required',
        'listener.name.mutual.ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/,DEFAULT',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
      scram: [`SCRAM-SHA-256=[name=alice,password=${PASSWORD}]`, `SCRAM-SHA-512=[name=alice,password=${PASSWORD}]`],
    },
  });
  return {
    broker: broker as Broker,
    ports: { sasl, only256, saslSsl, ssl, elsewhere: elsewhereSsl },
    certificates,
  };
}

/** Lets a user do something with a topic. */
export async function allow(admin: Admin, user: string, operation: 'WRITE' | 'READ' | 'DESCRIBE', topic: string): Promise<void> {
  await admin.createAcls({
    acl: [
      {
        resourceType: kafkajs.AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: '*',
        operation: kafkajs.AclOperationTypes[operation],
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
      },
    ],
  });
}

/** Takes back all that was allowed with a topic. */
export async function forbid(admin: Admin, topic: string): Promise<void> {
  await admin.deleteAcls({
    filters: [
      {
        resourceType: kafkajs.AclResourceTypes.TOPIC,
        resourceName: topic,
        resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
        operation: kafkajs.AclOperationTypes.ANY,
        permissionType: kafkajs.AclPermissionTypes.ANY,
      },
    ],
  });
}

/** As Kafka wants it: both in one file. */
function keystoreOf({ cert, key }: Pair): string {
  const path = `${cert}.keystore`;
  fs.writeFileSync(path, fs.readFileSync(key, 'utf8') + fs.readFileSync(cert, 'utf8'));
  return path;
}
