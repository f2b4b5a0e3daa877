/**
 * What this browser remembers over reloads: drafts, what was read, which thread was open.
 *
 * Nothing of it is needed: where storage is full or forbidden, the page forgets, and works.
 */
import { Json } from '../../core/wire';

export interface IStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

export class Memory {
  /** `scope` keeps two servers in one browser apart. */
  constructor(
    private readonly _storage: IStorage,
    private readonly _scope: string
  ) {}

  get<T extends Json>(name: string, otherwise: T): T {
    try {
      const text = this._storage.getItem(this._key(name));
      return text === null ? otherwise : (JSON.parse(text) as T);
    } catch {
      return otherwise; // unreadable: as if there were nothing
    }
  }

  /** Null and '' are forgotten. */
  set(name: string, value: Json): void {
    try {
      if (value === null || value === '') {
        this._storage.removeItem(this._key(name));
      } else {
        this._storage.setItem(this._key(name), JSON.stringify(value));
      }
    } catch {
      // full, or forbidden: see above
    }
  }

  private _key(name: string): string {
    return `lobu ${this._scope} ${name}`;
  }
}
