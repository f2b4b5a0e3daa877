/**
 * What was before the person's eyes, and since when.
 *
 * A decision is for what was read. So a question that has just come, or has just moved, takes no approval: the
 * click or key was meant for what stood there before. A key, or one click for many questions, approves only what
 * has been in sight to its last line.
 */
import { IClock } from './time';
import { IInterrupt } from './wire';

export const PAUSE_MS = 500;

export class Sight {
  constructor(
    readonly clock: IClock,
    private readonly _pause: number = PAUSE_MS
  ) {}

  /** A card of the question was put on the page. */
  drawn(interrupt: IInterrupt): void {
    this._drawn.set(interrupt, this.clock.now());
  }

  /** The person decided something: what stood below has moved up. */
  decided(): void {
    this._decided = this.clock.now();
    [...this._listeners].forEach(listener => listener());
  }

  /** Call `listener` after each decision. The answer ends it. */
  watch(listener: () => void): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  /** Milliseconds until the question can be approved: 0 is now, Infinity that it is on no card. */
  wait(interrupt: IInterrupt): number {
    const drawn = this._drawn.get(interrupt);
    if (drawn === undefined) {
      return Infinity;
    }
    const since = Math.max(drawn, this._decided);
    return Math.max(0, since + this._pause - this.clock.now());
  }

  /** All of the question has been in sight. */
  saw(interrupt: IInterrupt): void {
    this._seen.add(interrupt);
  }

  /** A question that came anew, or was changed, is another object and was not seen. */
  hasSeen(interrupt: IInterrupt): boolean {
    return this._seen.has(interrupt);
  }

  private readonly _drawn = new WeakMap<IInterrupt, number>();
  private readonly _seen = new WeakSet<IInterrupt>();
  private readonly _listeners = new Set<() => void>();
  private _decided = -Infinity;
}
