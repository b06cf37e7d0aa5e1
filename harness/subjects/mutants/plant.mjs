/**
 * Plants one fault in the reconcilers of netsoakd, before its own first line runs (NODE_OPTIONS=--import). The faults are nowhere in the
 * program itself: they take hold of its classes from outside, so what is not started with this file cannot have them.
 * Each is one that someone made: in the changes that the reconcilers descend from, or in the daemons that their users told of.
 */
import { setTimeout as delay } from 'node:timers/promises';

const reconcile = (file) => import(`../../../dist/collector/reconcile/${file}.js`);

const FAULTS = {
  /** Only events are acted on: what no event told stays as it is. */
  async 'events-only'() {
    const { Scheduler } = await reconcile('scheduler');
    Scheduler.prototype.planTick = () => {};
  },
  /** The loss of events is taken note of by nobody. */
  async 'swallowed-enobufs'() {
    const { Watch } = await reconcile('watch');
    Watch.prototype.lose = () => {};
  },
  /** A reader that overflowed once hears nothing any more, and nobody asks it. */
  async 'deaf-after-overflow'() {
    const { Watch } = await reconcile('watch');
    Watch.prototype.lose = function () {
      this.stop();
    };
    Watch.prototype.tick = () => {};
  },
  /** Whose class it is follows from the hash of the TAP's name, not from the filter that points to it. */
  async 'delete-by-hash'() {
    const { Owner } = await reconcile('tc/owner');
    const { derivedMinor, ROOT } = await reconcile('tc/ids');
    Owner.prototype.release = async function (bridge, allocation) {
      const classId = ROOT | derivedMinor(allocation.tap);
      const { items } = await this.options.rtnl.filters(bridge.index, ROOT);
      const mine = items.filter((filter) => filter.classId === classId);
      return this.remove(bridge, mine, items);
    };
  },
  /** What one look does not show is taken for gone. */
  async 'no-second-look'() {
    const { Sweep } = await reconcile('tc/sweep');
    const { pass } = Sweep.prototype;
    Sweep.prototype.pass = function (trigger) {
      this.options = { ...this.options, confirmPasses: 1 };
      return pass.call(this, trigger);
    };
    const { RouteLooks } = await reconcile('route/look');
    RouteLooks.prototype.confirm = async (drift) => drift;
  },
  /** A missing route is written over whatever has its place by now. */
  async 'replace-for-create'() {
    const { RouteWrites } = await reconcile('route/writes');
    const { write } = RouteWrites.prototype;
    RouteWrites.prototype.write = function (intended, _verb, wanted) {
      return write.call(this, intended, 'replace', wanted);
    };
  },
  /** A withdrawn route is deleted first and forgotten afterwards: a look in between puts it back, and nobody knows of it any more. */
  async 'delete-before-forget'() {
    const { RouteReconciler } = await reconcile('route/reconciler');
    RouteReconciler.prototype.withdraw = async function (key) {
      const intended = this.options.desired.wanted.get(key);
      if (intended === undefined) return { kind: 'gone' };
      const outcome = await this.writes.delete(intended, () => true);
      await delay(500);
      this.options.desired.withdraw(key);
      this.options.desired.deleted(key, this.options.desired.generation(key));
      this.states.settle(key);
      return outcome;
    };
  },
  /** Switched off, it goes on. */
  async 'dead-kill-switch'() {
    const repair = (file, name) =>
      reconcile(file).then(({ [name]: Kind }) => {
        const { pass } = Kind.prototype;
        Kind.prototype.pass = function (...args) {
          this.options = { ...this.options, mode: () => 'repair' };
          if (this.writes !== undefined) this.writes.options = this.options;
          return pass.apply(this, args);
        };
      });
    await Promise.all([
      repair('route/reconciler', 'RouteReconciler'),
      repair('tc/sweep', 'Sweep'),
      repair('interface/reconciler', 'InterfaceReconciler'),
    ]);
  },
};

// Preloaded into every Node process of the subject; a daemon that has no such fault must not start at all.
const name = process.env.NETSOAK_MUTANT ?? '';
if (!Object.hasOwn(FAULTS, name)) throw new Error(`there is no fault ${JSON.stringify(name)}: ${Object.keys(FAULTS).join(', ')}`);
await FAULTS[name]();
