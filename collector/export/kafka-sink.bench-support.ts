/**
 * `node kafka-sink.bench-support.js TOPIC`: a far end that speaks as much of Kafka's protocol as one producer needs, takes every message and
 * keeps none. It prints its port, and ends with its input. A broker in the JVM would cost more than what is measured, and share the cores.
 */
import net, { type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Keys and versions of the requests that it answers (https://kafka.apache.org/protocol.html). */
const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;
const INIT_PRODUCER_ID = 22;
const SPOKEN: readonly (readonly [key: number, from: number, to: number])[] = [
  [PRODUCE, 3, 3],
  [METADATA, 1, 1],
  [API_VERSIONS, 0, 2],
  [INIT_PRODUCER_ID, 0, 0],
];

const int8 = (value: number) => Buffer.from([value]);
const int16 = (value: number) => Buffer.from([(value >> 8) & 255, value & 255]);
const int32 = (value: number) => Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
const int64 = (value: number) => Buffer.concat([int32(0), int32(value)]);
const text = (value: string) => Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
const list = (...parts: Buffer[]) => Buffer.concat([int32(parts.length), ...parts]);

const GOOD = int16(0);
const NOW = int32(0);

/** The body of the answer; one broker, number 0, and one partition, which it leads. */
function answer(key: number, topic: string, port: number): Buffer {
  switch (key) {
    case API_VERSIONS:
      return Buffer.concat([GOOD, list(...SPOKEN.map((each) => Buffer.concat(each.map(int16)))), NOW]);
    case METADATA: {
      const broker = Buffer.concat([int32(0), text('127.0.0.1'), int32(port), int16(-1)]);
      const partition = Buffer.concat([GOOD, int32(0), int32(0), list(int32(0)), list(int32(0))]);
      return Buffer.concat([list(broker), int32(0), list(Buffer.concat([GOOD, text(topic), int8(0), list(partition)]))]);
    }
    case INIT_PRODUCER_ID:
      return Buffer.concat([NOW, GOOD, int64(1), int16(0)]);
    case PRODUCE: {
      const partition = Buffer.concat([int32(0), GOOD, int64(0), int64(0)]);
      return Buffer.concat([list(Buffer.concat([text(topic), list(partition)])), NOW]);
    }
    default:
      throw new Error(`a producer asked for API ${key}`);
  }
}

function serve(topic: string): net.Server {
  const server = net.createServer((socket) => {
    const head: Buffer[] = [];
    let headed = 0;
    /** Bytes of the request under way that are still to come; they are not looked at. */
    let left = 0;
    socket.on('error', () => {});
    socket.on('data', (part) => {
      let bytes = part as Buffer;
      while (bytes.length > 0) {
        if (left > 0) {
          const skipped = Math.min(left, bytes.length);
          left -= skipped;
          bytes = bytes.subarray(skipped);
          continue;
        }
        // Length, key, version, number of the request.
        const wanted = 12 - headed;
        head.push(bytes.subarray(0, wanted));
        headed += Math.min(wanted, bytes.length);
        bytes = bytes.subarray(wanted);
        if (headed < 12) break;
        const request = Buffer.concat(head.splice(0));
        headed = 0;
        left = request.readInt32BE(0) - 8;
        const body = answer(request.readInt16BE(4), topic, (server.address() as AddressInfo).port);
        socket.write(Buffer.concat([int32(4 + body.length), request.subarray(8, 12), body]));
      }
    });
  });
  return server;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = serve(process.argv[2] ?? 'topic').listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
  process.stdin.on('end', () => process.exit(0)).resume();
}
