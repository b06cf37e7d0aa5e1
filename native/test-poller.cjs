// Polls namespaces with any build of the addon, in a process of its own: for faults that end or bend a whole process.
//   node test-poller.cjs ADDON '{"paths":[...],"polls":1,"workers":1,"flushRows":2400}'
// Prints one JSON line a poll: { results, rows, threads, descriptors, rss }, of the rows the columns that a test looks at.
const fs = require('node:fs');
const [addon, settings] = process.argv.slice(2);
const { paths, polls = 1, workers = 1, flushRows = 2400, jsonRows = true, askFirst = false } = JSON.parse(settings);
const { openReader, steps } = require(addon);
const statuses = ['ok', 'gone', 'unenterable', 'denied', 'error'];
const columns = [
  'netns',
  'netns_cookie',
  'netns_generation',
  'timestamp_ns',
  'inet_diag_msg_socket_cookie',
  'inet_diag_msg_family',
  'inet_diag_msg_inode',
  'inet_diag_msg_socket_source_port',
  'tcp_info_last_ack_recv',
  'dump_interrupted',
];
let lines = [];
let done;
let closed;
const reader = openReader(workers, 16, true, flushRows, 768 * 1024, 0x1fff, ['', '', '', '', ''], {
  envelope(block, start, end) {
    if (jsonRows)
      lines.push(
        ...reader.memory
          .toString('utf8', start, end)
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line, (key, value) => (key === '' || columns.includes(key) ? value : undefined))),
      );
    reader.release(block);
  },
  pollDone: (result) => done(result),
  closed: () => closed(),
});

(async () => {
  for (let poll = 0; poll < polls; poll++) {
    lines = [];
    const numbers = new Float64Array(4 * paths.length);
    paths.forEach((path, i) => {
      const { dev, ino } = fs.statSync(path);
      numbers.set([dev, ino, 1000 + i, askFirst ? 1 : 0], 4 * i);
    });
    const strings = paths.map((path) => `${path}\0${path}\0\0\0`).join('');
    const raw = await new Promise((resolve) => {
      done = resolve;
      reader.poll(strings, numbers);
    });
    const results = paths.map((_, i) => {
      const [status, step, errno, rows, , interrupted] = raw.numbers.subarray(6 * i, 6 * i + 6);
      return {
        status: statuses[status],
        step: steps()[step],
        errno,
        rows,
        interrupted: interrupted !== 0,
        cookie: String(raw.cookies[i]),
        detail: raw.details[i],
      };
    });
    const count = (folder) => fs.readdirSync(folder).length;
    // Whole before the next poll, which may be this process's last.
    fs.writeFileSync(
      1,
      `${JSON.stringify({
        pollId: String(raw.pollId),
        envelopes: raw.envelopes,
        duplicates: raw.duplicates,
        faults: raw.faults,
        skippedEmpty: raw.skippedEmpty,
        results,
        rows: lines,
        threads: count('/proc/self/task'),
        descriptors: count('/proc/self/fd'),
        rss: process.memoryUsage.rss(),
      })}\n`,
    );
  }
  await new Promise((resolve) => {
    closed = resolve;
    reader.close();
  });
})();
