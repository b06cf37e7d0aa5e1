/** The reconcilers as the daemon starts them, on a namespace of the test's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestNamespace, testNamespace } from '../../native/rtnl/namespace.test-support.js';
import { Registry } from '../prom.js';
import type { InterfaceUpdate } from './interface/reconciler.js';
import { RECONCILE_SETTINGS, type ReconcileConfig } from './settings.js';
import { startReconcilers } from './start.js';

/** The configuration that these words make, as flags would. @throws Error naming a wrong value */
export function reconcileConfig(words: Partial<Record<keyof ReconcileConfig, string>>): ReconcileConfig {
  const entries = Object.entries(RECONCILE_SETTINGS).map(([key, setting]) => {
    const written = words[key as keyof ReconcileConfig] ?? setting.fallback();
    const parsed = setting.parse(written);
    if (parsed === undefined) throw new Error(`${key}: expected ${setting.expected}, found ${written}`);
    return [key, parsed];
  });
  return Object.fromEntries(entries) as ReconcileConfig;
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition holds, for at most so long. */
export async function within(ms: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > until) return false;
    await sleep(5);
  }
  return true;
}

export async function started(
  words: Partial<Record<keyof ReconcileConfig, string>>,
  prepare: (namespace: TestNamespace) => Promise<void> = async () => {},
) {
  const namespace = await testNamespace();
  await namespace.ip('link add v0 type veth peer name v1');
  await prepare(namespace);
  await namespace.ip('link set v0 up', 'link set v1 up', 'addr add 10.0.0.1/24 dev v0');
  const dir = mkdtempSync(path.join(tmpdir(), 'netsoak-reconcile-'));
  const registry = new Registry();
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const updates: InterfaceUpdate[] = [];
  const reconcilers = await startReconcilers({
    config: reconcileConfig({
      'reconcile-netns': namespace.place.path,
      'lock-dir': path.join(dir, 'locks'),
      'reconcile-rate': '0',
      ...words,
    }),
    log: (level, message, fields = {}) => lines.push({ level, message, fields }),
    registry,
    signal: new AbortController().signal,
    onInterfaces: (update) => updates.push(update),
  });
  return {
    namespace,
    dir,
    registry,
    lines,
    updates,
    reconcilers,
    async metric(name: string): Promise<number> {
      const text = await registry.metrics();
      return text
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    async close() {
      await reconcilers.close();
      await namespace.close();
      rmSync(dir, { recursive: true });
    },
  };
}
