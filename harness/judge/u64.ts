/** Cookies as map keys: a number while it is exact, decimal text beyond. Both ways of reading one give the same key. */
import type Long from 'long';

export type U64 = number | string;

export function u64FromText(text: string): U64 {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

export function u64FromLong(value: Long): U64 {
  return u64FromParts(value.low, value.high);
}

/** @param low bits 0 to 31 @param high bits 32 to 63; of both only the bits count, not the sign */
export function u64FromParts(low: number, high: number): U64 {
  // Above 2^53 doubles have holes.
  if (high >>> 21 === 0) return high * 4_294_967_296 + (low >>> 0);
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString();
}

/** Byte counts and times: a double is near enough (256 ns at today's date). */
export function numberFromLong(value: Long): number {
  return value.high * 4_294_967_296 + (value.low >>> 0);
}
