/** Routes on their way into the kernel and out of it: by the namespace's one writer, each checked again at the moment of sending. */
import { changeRoute, decodeRoute, type Route } from '../../../native/rtnl/route.js';
import type { Log } from '../../log.js';
import type { Mode, Outcome } from '../model.js';
import type { Send, Writer } from '../writer.js';
import type { RouteLooks } from './look.js';
import { routeOutcome } from './outcome.js';
import { type IntendedRoute, keyOf } from './spec.js';

export interface WriteOptions {
  readonly writer: Writer;
  readonly mode: () => Mode;
  readonly log: Log;
}

export class RouteWrites {
  constructor(
    private readonly options: WriteOptions,
    private readonly looks: RouteLooks,
  ) {}

  /** `create` never overwrites what is there: that is a conflict. @param wanted asked when its turn has come */
  write(intended: IntendedRoute, verb: 'create' | 'replace', wanted: () => boolean): Promise<Outcome> {
    return this.options.writer.enqueue({
      stillWanted: () => this.options.mode() === 'repair' && wanted(),
      run: async (send) => {
        if (intended.devices.some((name) => name !== '')) await this.looks.readIndexes();
        const route = this.looks.resolve(intended);
        if (route === undefined) return { kind: 'blocked', cause: 'no-link', detail: `no interface ${intended.devices.join(', ')}` };
        return routeOutcome(await send(changeRoute(route, verb)));
      },
    });
  }

  /** Deletes the route of this key and no other, whatever someone has made of its value. @param wanted asked when its turn has come */
  delete(intended: IntendedRoute, wanted: () => boolean): Promise<Outcome> {
    return this.options.writer.enqueue({
      stillWanted: () => this.options.mode() === 'repair' && wanted(),
      run: async (send) => {
        const exact = { ...intended.route, nexthops: intended.route.nexthops.map((hop) => ({ ...hop, oif: 0 })) };
        const outcome = await this.deleteOne(send, exact, intended.key);
        // Someone may have changed its value: then what is left of ours is known by key and protocol alone.
        return outcome.kind === 'ok'
          ? outcome
          : this.deleteOne(send, { ...intended.route, nexthops: [], nexthopId: 0, prefsrc: '' }, intended.key);
      },
    });
  }

  /** The kernel takes metric 0 for "any" when it deletes: if another route of ours went instead, it is put back at once. */
  private async deleteOne(send: Send, route: Route, key: string): Promise<Outcome> {
    const answer = await send(changeRoute(route, 'delete'));
    const outcome = routeOutcome(answer);
    const [echo] = answer.reply;
    if (outcome.kind === 'blocked') return { kind: 'gone' };
    if (outcome.kind !== 'ok' || echo === undefined) return outcome;
    const deleted = decodeRoute(echo);
    if (keyOf(deleted) === key) return outcome;
    await send(changeRoute(deleted, 'create'));
    this.options.log('warn', 'a deletion took another route, which was put back', { route: keyOf(deleted), meant: key });
    return { kind: 'gone' };
  }
}
