/**
 * What runs beside the target of a run: broker and database, from before it boots until after it is gone, with their figures. Loaded only where
 * a plan asks for it: most runs need none.
 */
import type { Fault } from '../agent/faults/phases.js';
import type { BooksPlaces } from '../books/keeper.js';
import { NetsoakError } from '../errors.js';
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { ServiceFaultName } from '../facts/faults.js';
import type { Plan } from '../facts/plan.js';
import type { Given } from '../pipeline/given.js';
import type { ServiceSampler } from '../pipeline/sampling.js';
import type { Services } from '../pipeline/services.js';

export interface BesideOptions {
  readonly plan: Plan;
  /** Broker and database that somebody else runs. */
  readonly given: Given;
  /** Name of the run's. */
  readonly cgroup: string;
  /** Theirs alone. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
  readonly series: (v: SeriesPoint['v']) => void;
  /** One of them ended by itself. Told once. */
  readonly lost: (error: NetsoakError) => void;
}

export class ServicesBeside {
  #services: Promise<Services> | undefined;
  #sampler: ServiceSampler | undefined;
  #isLost = false;

  constructor(private readonly o: BesideOptions) {}

  /** Resolves when they answer; undefined where the plan has none. */
  start(): Promise<Services> | undefined {
    const { plan, given, cgroup, dir, signal } = this.o;
    const names = plan.services;
    if (names === undefined) return undefined;
    this.#services = import('../pipeline/services.js').then(({ Services }) =>
      Services.start({ names, given, target: plan.target, id: plan.id, cgroup, dir, signal, faults: plan.faults ?? [] }),
    );
    return this.#services;
  }

  /** Tells of them, and looks at them from now on. Returns where the books are to be kept, if they make a pipeline. */
  async watch(services: Services): Promise<BooksPlaces | undefined> {
    const { ServiceSampler } = await import('../pipeline/sampling.js');
    for (const fact of services.facts) this.o.emit({ kind: 'service', state: 'up', ...fact });
    this.#sampler = new ServiceSampler(
      services,
      this.o.series,
      (error) => {
        if (!this.#isLost) this.o.lost(error);
        this.#isLost = true;
      },
      (text) => this.o.emit({ kind: 'note', text }),
    );
    this.#sampler.start();
    const { kafka, topic, clickhouse, database, table } = services.outside;
    return kafka && topic && clickhouse && database && table ? { kafka, topic, clickhouse, database, table } : undefined;
  }

  /** @throws NetsoakError (harness) when there is nothing that it could break */
  async fault(name: ServiceFaultName): Promise<Fault> {
    const { makeServiceFault } = await import('../pipeline/faults.js');
    const services = await this.#services;
    if (services === undefined)
      throw new NetsoakError('harness', 'no-services', `there is nothing for ${name} to break`, 'declare services');
    return makeServiceFault(name, services, this.o.signal);
  }

  async end(): Promise<void> {
    this.#sampler?.stop();
    // Those that did not start have told why.
    const services = await this.#services?.catch(() => undefined);
    await services?.end();
    for (const { name, address } of services?.facts ?? []) this.o.emit({ kind: 'service', state: 'down', name, address, detail: '' });
  }
}
