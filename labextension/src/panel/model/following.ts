/** Which thread opens by itself: that of the notebook in front, until the person chooses another. */
import { ThreadList } from './list';
import { Memory } from './memory';

export class Following {
  constructor(
    private readonly _list: ThreadList,
    private readonly _memory: Memory
  ) {}

  /** Another notebook came in front: true if its thread is to be opened. */
  front(path: string): boolean {
    const isOther = path !== this._path;
    this._path = path;
    this._followed &&= !isOther;
    return isOther;
  }

  /** The person chose a thread, which stays. */
  chose(): void {
    this._followed = true;
  }

  /** A thread was made here for the notebook `path`, and is not listed yet. */
  made(threadId: string, path: string | undefined): void {
    this._made = threadId;
    if (path !== undefined) {
      this.remember(path, threadId);
    }
  }

  /** This thread was shown last for the notebook. */
  remember(path: string, threadId: string): void {
    this._memory.set(`notebook ${path}`, threadId);
  }

  /** The thread to show instead of `shown`, null for a new one; undefined: `shown` stays. */
  next(shown: string | null): string | null | undefined {
    if (this._path === null || this._followed || !this._list.loaded) {
      return undefined;
    }
    const entry = this._list.get(shown);
    if (entry !== undefined) {
      this._made = null;
    } else if (this._made !== null && this._made === shown) {
      return undefined; // which notebook it is about is known once it is listed
    }
    this._followed = true;
    const chosen = this._list.get(this._memory.get(`notebook ${this._path}`, ''));
    const thread = chosen ?? this._list.ofNotebook(this._path);
    if (thread !== undefined) {
      return thread.threadId === shown ? undefined : thread.threadId;
    }
    return entry?.notebookPath ? null : undefined; // the shown one is of another notebook
  }

  private _path: string | null = null;
  private _followed = false;
  private _made: string | null = null;
}
