import { expect, it } from 'vitest';
import { topOfCpu, topOfHeap, topOfPerf } from './top.js';

const frame = (functionName: string, url = 'file:///somewhere/project/dist/collector/poller.js', lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
});

it('shares the time on a processor among the functions that were running, waiting left out', () => {
  const top = topOfCpu({
    nodes: [
      { id: 1, callFrame: frame('(root)', '') },
      { id: 2, callFrame: frame('(idle)', '') },
      { id: 3, callFrame: frame('poll') },
      { id: 4, callFrame: frame('') },
      // The same function, called from elsewhere.
      { id: 5, callFrame: frame('poll') },
    ],
    samples: [2, 3, 4, 5, 2],
    timeDeltas: [9_000, 1_000, 1_000, 2_000, 5_000],
  });
  expect(top).toEqual([
    { name: 'poll', where: 'dist/collector/poller.js:10', share: 0.75 },
    { name: '(anonymous)', where: 'dist/collector/poller.js:10', share: 0.25 },
  ]);
});

it('shares the allocated bytes among all nodes of the tree', () => {
  const leaf = (name: string, selfSize: number) => ({ callFrame: frame(name, ''), selfSize, children: [] });
  const head = {
    callFrame: frame('(root)', ''),
    selfSize: 0,
    children: [{ ...leaf('a', 100), children: [leaf('b', 300)] }, leaf('b', 100)],
  };
  expect(topOfHeap({ head })).toEqual([
    { name: 'b', where: '', share: 0.8 },
    { name: 'a', where: '', share: 0.2 },
  ]);
  expect(topOfHeap({ head }, 1)).toHaveLength(1);
});

it('reads what perf reports, the kernel told from the rest, and the profiler itself left out', () => {
  const report = `# Samples: 57  of event 'cpu-clock:pppH'
#
    40.10%  v8:ProfEvntProc  [k] finish_task_switch.isra.0
    30.50%  ns-reader-0      [k] tcp_diag_dump
     5.26%  ns-reader-1      [.] netsoak::Decoder::decode
     1.00%  DelayedTaskSche  [.] std::vector<int, std::allocator<int> >::~vector
`;
  expect(topOfPerf(report)).toEqual([
    { name: 'tcp_diag_dump (kernel)', where: 'ns-reader-0', share: 0.305 },
    { name: 'netsoak::Decoder::decode', where: 'ns-reader-1', share: 0.0526 },
    { name: 'std::vector<int, std::allocator<int> >::~vector', where: 'DelayedTaskSche', share: 0.01 },
  ]);
});

it('has nothing to tell of empty profiles', () => {
  expect(topOfCpu({ nodes: [] })).toEqual([]);
  expect(topOfPerf('')).toEqual([]);
});
