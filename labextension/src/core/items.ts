/** The items of a state as they grow: found by kind and id, with a version that tells views what has changed. */
import { key, text } from './json';
import { AgEvent, IState, Item, IToolItem, Json } from './wire';

export class Items {
  constructor(readonly state: IState) {
    for (const item of state.items) {
      if (item.id !== undefined) {
        this._items.set(key(item.kind, item.id), item);
      }
    }
  }

  /** How often `item` has changed: a view that drew this version need not draw it again. */
  version(item: Item): number {
    return this._versions.get(item) ?? 0;
  }

  protected _raw(event: AgEvent): void {
    this._add('raw', null, event, { event });
  }

  protected _add(
    kind: Item['kind'],
    id: string | null,
    event: AgEvent,
    members: { [member: string]: unknown }
  ): void {
    const item = { kind, runId: this._run, ...members } as unknown as Item;
    if (event.subagentRunId) {
      item.subagentRunId = text(event.subagentRunId);
    }
    if (id !== null) {
      item.id = id;
      this._items.set(key(kind, id), item);
    }
    this.state.items.push(item);
  }

  protected _set(kind: Item['kind'], id: Json, members: object): void {
    const item = this._items.get(key(kind, text(id)));
    if (item !== undefined) {
      Object.assign(item, members);
      this._touch(item);
    }
  }

  protected _append(kind: 'message' | 'reasoning' | 'tool', id: Json, event: AgEvent): void {
    const item = this._items.get(key(kind, text(id)));
    if (item === undefined) {
      return;
    }
    if (item.kind === 'tool') {
      item.args += text(event.delta);
    } else if (item.kind === 'message' || item.kind === 'reasoning') {
      item.content = text(item.content) + text(event.delta);
    }
    this._touch(item);
  }

  protected _tool(call: string): IToolItem | undefined {
    return this._items.get(key('tool', call)) as IToolItem | undefined;
  }

  protected _touch(item: Item): void {
    this._versions.set(item, this.version(item) + 1);
  }

  protected readonly _items = new Map<string, Item>();
  private readonly _versions = new WeakMap<Item, number>();
  /** The run that new items belong to. */
  protected _run = '';
}
