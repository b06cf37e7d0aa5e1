import { expect, it } from 'vitest';
import { createLog, rateLimited } from './log.js';

it('writes one JSON object a line, nothing below its level', () => {
  const lines: string[] = [];
  const log = createLog('info', false, (line) => lines.push(line));
  log('debug', 'unseen');
  log('warn', 'line one\nline two', { rows: 3, cause: undefined });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'warn',
    msg: 'line one\nline two',
    rows: 3,
  });
});

it('changes its level while it is in use', () => {
  const lines: string[] = [];
  const log = createLog('info', false, (line) => lines.push(line));
  log.setLevel('debug');
  log('debug', 'seen');
  log.setLevel('error');
  log('warn', 'unseen');
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['seen']);
});

it('writes a plain line for people', () => {
  const lines: string[] = [];
  createLog('info', true, (line) => lines.push(line))('info', 'listening', { metrics: 'http://x/', none: undefined });
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}listening metrics="http:\/\/x\/"\n$/);
});

it('lets one line a minute through for each message and says how many it held back', () => {
  let now = 0;
  const told: unknown[] = [];
  const log = rateLimited(
    (_, message, fields) => told.push([message, fields]),
    60_000,
    () => now,
  );
  for (let i = 0; i < 5; i++) log('warn', 'full', { rows: i });
  log('warn', 'other', { rows: 9 });
  now = 60_000;
  log('warn', 'full', { rows: 6 });
  now = 120_000;
  log('warn', 'full', { rows: 7 });
  expect(told).toEqual([
    ['full', { rows: 0 }],
    ['other', { rows: 9 }],
    ['full', { rows: 6, suppressed: 4 }],
    ['full', { rows: 7 }],
  ]);
});
