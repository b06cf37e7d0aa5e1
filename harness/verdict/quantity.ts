/** Figures as people read them. A series tells its unit by the end of its name: `subject.rssBytes`, `poll.spanSeconds`. */

/** A value of `series` with its unit: `64.0 MiB`, `12 ms`, `1,234`. */
export function quantity(series: string, value: number, digits = 3): string {
  if (!Number.isFinite(value)) return 'unknown';
  if (series.endsWith('Bytes')) return bytes(value, digits);
  if (series.endsWith('Seconds') || series.endsWith('SecondsTotal')) return seconds(value, digits);
  return plain(value, digits);
}

/** Value and bound with as many digits as it takes to tell them apart: 2.0004 s over a bound of 2 s must not read "2 s, bound 2 s". */
export function apart(series: string, value: number, bound: number): { readonly value: string; readonly bound: string } {
  for (let digits = 3; digits < 15; digits++) {
    const pair = { value: quantity(series, value, digits), bound: quantity(series, bound, digits) };
    if (value === bound || pair.value !== pair.bound) return pair;
  }
  return { value: String(value), bound: String(bound) };
}

/** A moment on the run's clock: `9.3 s`, `12 s`, `2 min 05 s`, `9 h 41 min`, `12 h`. */
export function moment(at: number): string {
  const s = Math.abs(at);
  const sign = at < 0 ? '-' : '';
  if (s < 10) return `${sign}${Number(s.toFixed(1))} s`;
  if (s < 119.5) return `${sign}${Math.round(s)} s`;
  const whole = Math.round(s);
  const two = (n: number): string => String(n).padStart(2, '0');
  const pair = (large: string, small: number, unit: string): string => `${sign}${large}${small === 0 ? '' : ` ${two(small)} ${unit}`}`;
  if (whole < 7200) return pair(`${Math.floor(whole / 60)} min`, whole % 60, 's');
  return pair(`${Math.floor(whole / 3600)} h`, Math.floor((whole % 3600) / 60), 'min');
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function bytes(value: number, digits: number): string {
  let power = 0;
  while (power < BINARY.length - 1 && Math.abs(value) / 1024 ** power >= 1023.5) power++;
  return `${plain(value / 1024 ** power, digits)} ${BINARY[power]}`;
}

function seconds(value: number, digits: number): string {
  const size = Math.abs(value);
  if (size >= 1 || size === 0) return `${plain(value, digits)} s`;
  if (size >= 0.9995e-3) return `${plain(value * 1e3, digits)} ms`;
  return `${plain(value * 1e6, digits)} µs`;
}

/** Whole numbers in full, with commas; others to `digits` significant ones. Not Intl: the same bytes everywhere. */
export function plain(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2);
  const whole = Number.isInteger(value) || size >= 10 ** digits;
  const text = whole ? String(Math.round(value)) : String(Number(value.toPrecision(digits)));
  return whole ? text.replace(/\B(?=(\d{3})+$)/g, ',') : text;
}
