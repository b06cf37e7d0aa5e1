/**
 * Addresses as rows carry them: 16 bytes, IPv4 in the first four (collector/netsoak.proto). Kept as strings of 16
 * characters, one a byte (latin1), which compare and hash quickly.
 */

const ZEROS = '\0'.repeat(16);

/** From the text of inet_ntop(3); throws on anything else. */
export function addressKey(text: string): string {
  const bytes = text.includes(':') ? sixteen(text) : dotted(text);
  return (String.fromCharCode(...bytes) + ZEROS).slice(0, 16);
}

/** For people. `family` is AF_INET (2) or AF_INET6 (10); a key of another length is shown byte by byte. */
export function addressText(key: string, family: number): string {
  const bytes = [...key].map((c) => c.charCodeAt(0));
  if (bytes.length !== 16) return bytes.length === 0 ? '(none)' : `(${bytes.length} bytes: ${bytes.map(hex).join(' ')})`;
  if (family === 2) {
    const rest = bytes.slice(4);
    return bytes.slice(0, 4).join('.') + (rest.some((b) => b !== 0) ? ` then ${rest.map(hex).join(' ')}` : '');
  }
  const words = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  return words.join(':');
}

function dotted(text: string): number[] {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((p) => !Number.isInteger(p) || p < 0 || p > 255)) throw new Error(`not an address: ${text}`);
  return parts;
}

function sixteen(text: string): number[] {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) throw new Error(`not an address: ${text}`);
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const gap = 16 - before.length - after.length;
  if (tail === undefined ? gap !== 0 : gap < 0) throw new Error(`not an address: ${text}`);
  return [...before, ...Array<number>(gap).fill(0), ...after];
}

function words(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((word) => {
    if (word.includes('.')) return dotted(word);
    if (!/^[0-9a-f]{1,4}$/i.test(word)) throw new Error(`not part of an address: ${word}`);
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 255];
  });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
