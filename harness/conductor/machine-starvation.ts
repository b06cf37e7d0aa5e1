/** Watches, once a second, for how long this machine keeps a target that is a machine of its own from running: nobody in there can see it. */
import { Starvation } from '../starvation.js';

const PERIOD_MS = 1000;

/** @param tell gets the seconds in all. Returns what ends it. */
export function watchMachine(pid: number, tell: (seconds: number) => void): () => void {
  const starvation = new Starvation(() => [pid]);
  const look = (): void => tell(Number(starvation.seconds().toFixed(3)));
  look();
  const timer = setInterval(look, PERIOD_MS);
  return () => clearInterval(timer);
}
