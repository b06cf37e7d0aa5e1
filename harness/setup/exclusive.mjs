/**
 * One set-up at a time on one checkout. The lock is an abstract Unix socket (unix(7)) named after the checkout:
 * the kernel lets one process have the name and takes it back when that process ends, however it ends. A lock file
 * would have to be found stale and stolen, which two waiters can do at once.
 */
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';

/**
 * Waits until no other set-up holds this checkout, then holds it until release() or the end of the process.
 * @param {string} checkout real path of the checkout
 * @param {() => void} onWait called once when somebody else has it
 * @returns {Promise<() => Promise<void>>} release
 */
export async function holdCheckout(checkout, onWait) {
  const name = `\0netsoak-setup-${createHash('sha256').update(checkout).digest('hex').slice(0, 32)}`;
  for (let told = false; ; ) {
    const server = await bind(name);
    if (server !== undefined) return release(server);
    if (!told) onWait();
    told = true;
    await endOfHolder(name);
  }
}

/** The listening server, or undefined when the name is taken. */
function bind(name) {
  return new Promise((resolve, reject) => {
    const waiting = new Set();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => {}).on('close', () => waiting.delete(socket));
      socket.unref();
    });
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => {
      server.unref();
      resolve({ server, waiting });
    });
  });
}

function release({ server, waiting }) {
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of waiting) socket.destroy();
    });
}

/** A connection to the holder ends when the holder does. Refused: it ended between our two calls. */
function endOfHolder(name) {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.on('error', () => {}).on('close', resolve);
    socket.resume();
  });
}
