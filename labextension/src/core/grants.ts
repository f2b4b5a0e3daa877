/**
 * The grants that hold for the threads that are shown: what runs without asking.
 *
 * They are read when a view opens, when a decision with a grant is journaled, and when the server says that
 * something changed. A grant of a notebook holds for several threads, so all of them share one store.
 */
import { Api, CallError } from './api';
import { Socket } from './socket';
import { IGrant } from './wire';

interface IList {
  grants: IGrant[];
  /** Why the last Undo did not arrive. */
  problem: string;
  views: Set<() => void>;
  reading: boolean;
  stale: boolean;
}

export class Grants {
  constructor(
    private readonly _api: Api,
    socket: Socket
  ) {
    socket.onHeard(() => {
      for (const [threadId, list] of this._lists) {
        if (list.views.size > 0) {
          void this.read(threadId);
        }
      }
    });
  }

  /** The grants of a thread, as they were last read. */
  of(threadId: string): IGrant[] {
    return this._list(threadId).grants;
  }

  /** Why the last Undo did not arrive, or ''. */
  problem(threadId: string): string {
    return this._list(threadId).problem;
  }

  /** Show a thread's grants: `view` is called after each change. The answer ends it. */
  attach(threadId: string, view: () => void): () => void {
    const { views } = this._list(threadId);
    views.add(view);
    return () => views.delete(view);
  }

  /** Read a thread's grants, one reading at a time; a change meanwhile is read after it. */
  async read(threadId: string): Promise<void> {
    const list = this._list(threadId);
    list.stale = true;
    if (list.reading) {
      return;
    }
    list.reading = true;
    while (list.stale) {
      list.stale = false;
      try {
        const grants = await this._api.grants(threadId);
        list.grants = grants.filter(one => !this._revoked.has(one.grantId));
        list.problem = list.grants.length > 0 ? list.problem : ''; // nothing is still approved
      } catch {
        // What was known stays, as it may still hold; the next change reads again.
      }
    }
    list.reading = false;
    tell(list);
  }

  /** Take a grant back; false: it still holds, {@link problem} says why. */
  async revoke(threadId: string, grantId: string): Promise<boolean> {
    const list = this._list(threadId);
    list.problem = '';
    try {
      await this._api.revoke(grantId);
    } catch (error) {
      if ((error as CallError).status !== 404) {
        list.problem = (error as CallError).message;
        tell(list);
        return false;
      } // it had ended, or a first try arrived whose answer was lost
    }
    this._revoked.add(grantId);
    for (const each of this._lists.values()) {
      each.grants = each.grants.filter(one => one.grantId !== grantId);
      tell(each);
    }
    return true;
  }

  private _list(threadId: string): IList {
    let list = this._lists.get(threadId);
    if (list === undefined) {
      list = { grants: [], problem: '', views: new Set(), reading: false, stale: false };
      this._lists.set(threadId, list);
    }
    return list;
  }

  private readonly _lists = new Map<string, IList>();
  /** A reading that began before an Undo does not bring the grant back. */
  private readonly _revoked = new Set<string>();
}

function tell(list: IList): void {
  [...list.views].forEach(view => view());
}
