/**
 * All threads of the person and all that waits on them, as the server last said.
 *
 * The server only says that something changed; the lists are then read again, one reading at a time.
 */
import { CallError } from '../../core/api';
import { Page } from '../../core/page';
import { IClock } from '../../core/time';
import { IThread, IWaiting } from '../../core/wire';
import { Changes } from './changes';
import { Memory } from './memory';

export const MOST = 200;
const UNDO_MS = 30_000;
const TYPING_MS = 150;

/** A deleted thread that may be restored until `until` (Unix ms). */
export interface IRemoved {
  thread: IThread;
  until: number;
}

/** What happened to a thread since it was last looked at: for notifications. */
export type News = { thread: IThread; what: 'waits' | 'ended' };

export class ThreadList extends Changes {
  constructor(
    private readonly _page: Page,
    private readonly _memory: Memory,
    private readonly _clock: IClock
  ) {
    super();
    this._seen = this._memory.get<{ [threadId: string]: number }>('seen', {});
    this._fresh = Object.keys(this._seen).length === 0;
  }

  /** Those that are not archived, the last touched first. */
  threads: IThread[] = [];
  waiting: IWaiting[] = [];
  loaded = false;
  /** Why the lists cannot be read, or ''. */
  problem = '';
  removed: IRemoved[] = [];
  search = '';
  archived = false;
  /** Those that the search or the archive holds; null: neither is asked. */
  found: IThread[] | null = null;
  /** Called for each thread that came to rest or to wait since the last reading. */
  onNews: ((news: News) => void) | null = null;

  /** Read the lists now, and whenever the server says that they have changed. */
  start(): () => void {
    return this._page.socket.onChanged(() => void this.refresh());
  }

  /** What a view shows. */
  get shown(): IThread[] {
    return this.found ?? this.threads;
  }

  get(threadId: string | null): IThread | undefined {
    const known = [...this.threads, ...(this.found ?? [])];
    return known.find(one => one.threadId === threadId);
  }

  /** The thread that a notebook goes on with: the last touched. */
  ofNotebook(path: string): IThread | undefined {
    return this.threads.find(one => one.notebookPath === path);
  }

  /** Has it gone on since the person last looked? One that is at work will say when it rests. */
  isUnread(thread: IThread): boolean {
    return thread.status !== 'running' && thread.cursor > (this._seen[thread.threadId] ?? 0);
  }

  /** The person has the thread before them, up to `cursor`. */
  see(threadId: string, cursor: number): void {
    if (cursor > (this._seen[threadId] ?? 0)) {
      this._seen[threadId] = cursor;
      this._memory.set('seen', this._seen);
      this.tell();
    }
  }

  async refresh(): Promise<void> {
    if (this._reading) {
      this._again = true;
      return;
    }
    this._reading = true;
    do {
      this._again = false;
      await this._read();
    } while (this._again);
    this._reading = false;
  }

  /** Look for `search`, a little after the last letter. */
  find(search: string): void {
    this.search = search;
    this._cancelFind?.();
    this._cancelFind = this._clock.after(TYPING_MS, () => void this._find());
    this.tell();
  }

  async showArchived(archived: boolean): Promise<void> {
    this.archived = archived;
    await this._find();
  }

  async rename(threadId: string, title: string): Promise<void> {
    await this._change(threadId, { title });
  }

  async archive(threadId: string, archived: boolean): Promise<void> {
    await this._change(threadId, { archived });
  }

  /** Delete a thread; it can be had back for 30 s. */
  async remove(thread: IThread): Promise<void> {
    await this._page.api.deleteThread(thread.threadId);
    const removed = { thread, until: this._clock.now() + UNDO_MS };
    this.removed = [...this.removed, removed];
    this._clock.after(UNDO_MS, () => this._forget(removed));
    await this.refresh();
  }

  async restore(removed: IRemoved): Promise<void> {
    this._forget(removed);
    await this._page.api.restoreThread(removed.thread.threadId);
    this._page.thread(removed.thread.threadId).revive();
    await this.refresh();
  }

  private _forget(removed: IRemoved): void {
    this.removed = this.removed.filter(one => one !== removed);
    this.tell();
  }

  private async _change(
    threadId: string,
    changes: { [name: string]: string | boolean }
  ): Promise<void> {
    await this._page.api.patchThread(threadId, changes);
    await this.refresh();
  }

  private async _read(): Promise<void> {
    const { api } = this._page;
    try {
      const before = this.loaded ? new Map(this.threads.map(one => [one.threadId, one])) : null;
      [this.threads, this.waiting] = await Promise.all([
        api.threads({ limit: MOST }),
        api.waiting()
      ]);
      this.problem = '';
      this.loaded = true;
      this._firstLook();
      if (before !== null) {
        this._tellNews(before);
      }
    } catch (error) {
      this.problem = (error as CallError).message;
    }
    await this._find();
  }

  /** In a browser that never showed a thread, what is there is old. */
  private _firstLook(): void {
    if (this._fresh) {
      this._fresh = false;
      for (const { threadId, cursor } of this.threads) {
        this._seen[threadId] = cursor;
      }
      this._memory.set('seen', this._seen);
    }
  }

  private _tellNews(before: Map<string, IThread>): void {
    for (const thread of this.threads) {
      const old = before.get(thread.threadId);
      if (old?.cursor === thread.cursor || thread.status === 'running') {
        continue;
      }
      // A run that came and went between two looks has two events or more; a new title has one. One that
      // was not listed before may be an old one that was had back.
      const ran = old !== undefined && (old.status === 'running' || thread.cursor - old.cursor > 1);
      if (thread.status === 'waiting' || ran) {
        this.onNews?.({ thread, what: thread.status === 'waiting' ? 'waits' : 'ended' });
      }
    }
  }

  private async _find(): Promise<void> {
    const { search, archived } = this;
    if (!search.trim() && !archived) {
      this.found = null;
    } else {
      try {
        const query = { search: search.trim(), archived, limit: MOST };
        const found = await this._page.api.threads(query);
        if (search !== this.search || archived !== this.archived) {
          return; // the person typed on: a later answer counts
        }
        this.found = found;
      } catch (error) {
        this.problem = (error as CallError).message;
      }
    }
    this.tell();
  }

  private readonly _seen: { [threadId: string]: number };
  private _fresh: boolean;
  private _reading = false;
  private _again = false;
  private _cancelFind: (() => void) | null = null;
}
