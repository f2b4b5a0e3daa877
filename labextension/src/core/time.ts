/** Time and chance as parameters, so that tests move them. */

export interface IClock {
  /** Unix milliseconds. */
  now(): number;
  /** Call `then` once after `ms`; the answer takes it back. */
  after(ms: number, then: () => void): () => void;
  /** In [0, 1). */
  random(): number;
}

export const realClock: IClock = {
  now: () => Date.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random()
};

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * How long to wait before try number `attempt` (from 1), in ms: doubling, bounded, and with
 * jitter over its upper half, so that pages do not come back all at once.
 */
export function backOff(attempt: number, random: () => number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
  return full / 2 + (full / 2) * random();
}
