/**
 * Looks at the services of a run once a second, from outside: CPU and memory of broker and database, and now and then what the rows take
 * on their disks. What was given runs elsewhere and is not measured, but for the table. A value that can't be had is null.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PAGE_BYTES, readStat, TICKS_A_SECOND } from '../agent/procfs.js';
import type { SeriesPoint } from '../facts/events.js';
import { PipelineError } from './errors.js';
import { Refusals } from './refusals.js';
import type { Services } from './services.js';

const PERIOD_MS = 1_000;
const DISK_PERIOD_MS = 5_000;

export class ServiceSampler {
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly cpu = new Map<string, { pid: number; ticks: number; before: number }>();
  private readonly refusals = new Refusals();
  private isLooking = false;

  constructor(
    private readonly services: Services,
    private readonly tell: (v: SeriesPoint['v']) => void,
    /** One of them ended by itself: what the run says of rows after that is nobody's fault but its own. */
    private readonly lost: (error: PipelineError) => void,
    private readonly say: (sentence: string) => void,
  ) {}

  start(): void {
    this.timers.push(
      setInterval(() => this.look(), PERIOD_MS),
      setInterval(() => void this.lookAtDisks(), DISK_PERIOD_MS),
    );
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private look(): void {
    this.tell(this.processes());
    const { brokers, clickhouse } = this.services;
    const broker = brokers.find(({ hasDied }) => hasDied);
    if (broker !== undefined) this.lost(new PipelineError('broker', `the broker at ${broker.address} ended by itself`, broker.lastWords));
    if (clickhouse?.hasDied)
      this.lost(
        new PipelineError('database', `ClickHouse at ${clickhouse.url} ended by itself${clickhouse.killedAtBound}`, clickhouse.lastWords),
      );
  }

  private processes(): SeriesPoint['v'] {
    const { brokers, clickhouse } = this.services;
    return {
      ...(brokers.length > 0
        ? this.of(
            'kafka',
            brokers.map(({ pid }) => pid),
          )
        : {}),
      ...(clickhouse?.isOurs ? this.of('clickhouse', [clickhouse.pid]) : {}),
    };
  }

  /** Seconds go on where a process is started again; of one that is down nothing is known. */
  private of(who: string, pids: readonly (number | undefined)[]): SeriesPoint['v'] {
    const stats = pids.map((pid) => (pid === undefined ? undefined : readStat(pid)));
    let ticks = 0;
    for (const [index, now] of stats.entries()) {
      const key = `${who} ${index}`;
      const known = this.cpu.get(key) ?? { pid: now?.pid ?? 0, ticks: 0, before: 0 };
      if (now !== undefined && now.pid !== known.pid) Object.assign(known, { pid: now.pid, before: known.before + known.ticks });
      if (now !== undefined) known.ticks = now.cpuTicks;
      this.cpu.set(key, known);
      ticks += known.before + known.ticks;
    }
    const areAllThere = stats.every((one) => one !== undefined);
    const rss = stats.reduce((sum, one) => sum + (one?.rssPages ?? 0), 0) * PAGE_BYTES;
    return { [`${who}.cpuSeconds`]: ticks / TICKS_A_SECOND, [`${who}.rssBytes`]: areAllThere ? rss : null };
  }

  private async lookAtDisks(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const { brokers, clickhouse } = this.services;
      const values: Record<string, number | null> = {};
      if (brokers.length > 0) values['kafka.topicBytes'] = await this.topicBytes().catch(() => null);
      if (clickhouse !== undefined) Object.assign(values, await this.table().catch(() => ({})));
      this.tell(values);
    } finally {
      this.isLooking = false;
    }
  }

  /** Segments of the topic of rows, on one of its replicas: with more than one each has them all. */
  private async topicBytes(): Promise<number> {
    const folder = this.services.brokers[0]?.dataFolder ?? '';
    const partition = new RegExp(`^${this.services.outside.topic?.replaceAll('.', '\\.')}-\\d+$`);
    let bytes = 0;
    for (const name of (await readdir(folder)).filter((one) => partition.test(one))) {
      const segments = (await readdir(join(folder, name))).filter((one) => one.endsWith('.log'));
      for (const segment of segments) bytes += (await stat(join(folder, name, segment))).size;
    }
    return bytes;
  }

  private async table(): Promise<SeriesPoint['v']> {
    const { database, table } = this.services.outside;
    const parts = `SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND database = '${database}' AND table = '${table}'`;
    const [[bytes, rows] = []] = await this.ask(parts);
    if (this.services.clickhouse?.isOurs) this.tell(await this.refused(Number(rows)));
    return { 'clickhouse.tableBytes': Number(bytes), 'clickhouse.tableRows': Number(rows) };
  }

  /** What it refused at the bound of its memory, which is ours to tell where it is ours. */
  private async refused(rows: number): Promise<SeriesPoint['v']> {
    const [[refused = 0, words = ''] = []] = await this.ask(
      `SELECT value, last_error_message FROM system.errors WHERE name = 'MEMORY_LIMIT_EXCEEDED'`,
    );
    const told = this.refusals.look({ refused: Number(refused), rows, words });
    if (told?.stuck) this.lost(new PipelineError('database', `${told.words}; its table does not grow any more`, 'ask for fewer rows'));
    else if (told !== undefined) this.say(told.words);
    return { 'clickhouse.memoryRefusals': Number(refused) };
  }

  /** @throws Error when it does not answer in time */
  private async ask(sql: string): Promise<string[][]> {
    const answer = await this.services.clickhouse?.query(`${sql} FORMAT TabSeparated`, AbortSignal.timeout(DISK_PERIOD_MS));
    return (answer ?? '').split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
  }
}
