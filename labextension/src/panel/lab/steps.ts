/**
 * Several changes of an open notebook as one step of its undo, and what takes a change back; the rules are those of
 * model/notebook_steps.py.
 *
 * The steps are tried on a list of the cells first. Within a transaction the notebook's own list is out of date.
 */
import { INotebookModel } from '@jupyterlab/notebook';
import { object } from '../../core/json';
import { joined } from '../../core/text/joined';
import { INotebookRequest, JsonObject, NotebookStep } from '../../core/wire';
import { alone, Cell, locksOf, namesOf, Shared } from './edits';

type Several = Extract<INotebookRequest, { do: 'several' }>;
type Verdict = 'done' | 'same' | 'changed' | 'gone' | 'place' | 'locked';
type Back = NotebookStep | { lost: string };

const LONGEST_BACK = 256 * 1024; // bytes
const KINDS = ['code', 'markdown', 'raw'];

/** One cell while steps are tried; `cell`: of the notebook, once it is there. */
interface IPlace {
  name: string;
  source: string;
  locks: { edit?: string; delete?: string };
  cell: Cell | null;
}

interface ITold {
  verdict: Verdict;
  number?: number;
  why?: string;
  back?: Back;
}

/** Try the steps, and make those that have an effect. */
export function several(model: INotebookModel, wish: Several): JsonObject {
  const shared = model.sharedModel;
  const trial = new Trial(shared);
  const steps = wish.steps.map(step => trial.take(step));
  const verdicts = steps.map(step => step.verdict);
  const expected = wish.expect === undefined || String(wish.expect) === String(verdicts);
  const may = wish.dry !== true && expected;
  if (may) {
    alone(shared, () => {
      trial.acts.forEach(act => act());
      if (trial.places.length === 0) {
        shared.insertCell(0, { cell_type: 'code', source: '' });
      }
    });
  }
  return { steps: steps as unknown as JsonObject[], done: may };
}

/** The step that takes a change back, within its bound: a cell without its outputs if need be. */
export function bounded(back: NotebookStep): Back {
  const names = [back.cell, 'after' in back ? back.after : '', 'above' in back ? back.above : ''];
  if (names.some(name => name?.startsWith('#'))) {
    return { lost: 'the cell has no id of its own' };
  }
  if (sizeOf(back) > LONGEST_BACK && back.do === 'put_back' && 'outputs' in back.content) {
    back = { ...back, content: { ...back.content, outputs: [] } };
  }
  return sizeOf(back) > LONGEST_BACK ? { lost: 'it is too big for the journal' } : back;
}

function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

class Trial {
  readonly places: IPlace[];
  readonly acts: (() => void)[] = [];

  constructor(private readonly _shared: Shared) {
    const { cells } = _shared;
    const names = namesOf(cells);
    this.places = cells.map((cell, index) => ({
      name: names[index],
      source: cell.getSource(),
      locks: locksOf(cell),
      cell
    }));
  }

  take(step: NotebookStep): ITold {
    const at = this._indexOf(step.cell);
    if (this._stopped.has(step.cell)) {
      return { verdict: 'changed', ...numbered(at) };
    }
    const told = { ...numbered(at), ...this._made(step, at) };
    if (told.verdict !== 'done' && told.verdict !== 'same') {
      this._stopped.add(step.cell);
    }
    return at < 0 && told.verdict === 'done'
      ? { ...numbered(this._indexOf(step.cell)), ...told }
      : told;
  }

  private _made(step: NotebookStep, at: number): ITold {
    switch (step.do) {
      case 'put_back':
        return at < 0 ? this._putBack(step) : { verdict: 'same' };
      case 'move_back':
        return at < 0 ? { verdict: 'gone' } : this._moveBack(step, at);
      case 'edit':
        return at < 0 ? { verdict: 'gone' } : this._edit(step, at);
      case 'delete':
        return at < 0 ? { verdict: 'same' } : this._delete(step, at);
    }
  }

  private _edit(step: Extract<NotebookStep, { do: 'edit' }>, at: number): ITold {
    const place = this.places[at];
    if (place.source === step.source) {
      return { verdict: 'same' };
    }
    if (place.source !== step.was) {
      return { verdict: 'changed' };
    }
    if (place.locks.edit) {
      return locked(at, 'changed', place.locks.edit);
    }
    place.source = step.source;
    this.acts.push(() => place.cell?.setSource(step.source));
    return done({ ...step, was: step.source, source: step.was });
  }

  private _delete(step: Extract<NotebookStep, { do: 'delete' }>, at: number): ITold {
    const place = this.places[at];
    if (place.source !== step.was) {
      return { verdict: 'changed' };
    }
    if (place.locks.delete) {
      return locked(at, 'deleted', place.locks.delete);
    }
    const content = { ...(place.cell?.toJSON() as JsonObject | undefined), source: place.source };
    const after = this._above(at);
    this.places.splice(at, 1);
    this.acts.push(() => this._shared.deleteCell(at));
    return done({ do: 'put_back', cell: step.cell, content, after });
  }

  private _putBack(step: Extract<NotebookStep, { do: 'put_back' }>): ITold {
    const at = step.after ? this._indexOf(step.after) + 1 : 0;
    if (step.after && at === 0) {
      return { verdict: 'place' };
    }
    const content = contentOf(step);
    const place = { name: step.cell, source: content.source, locks: {}, cell: null as Cell | null };
    this.places.splice(at, 0, place);
    this.acts.push(() => (place.cell = this._shared.insertCell(at, content)));
    return done({ do: 'delete', cell: step.cell, was: content.source });
  }

  private _moveBack(step: Extract<NotebookStep, { do: 'move_back' }>, at: number): ITold {
    const place = this.places[at];
    const above = this._above(at);
    if (above === step.after) {
      return { verdict: 'same' };
    }
    if (above !== step.above || place.source !== step.was) {
      return { verdict: 'changed' };
    }
    if (step.after && this._indexOf(step.after) < 0) {
      return { verdict: 'place' };
    }
    this.places.splice(at, 1);
    const to = step.after ? this._indexOf(step.after) + 1 : 0;
    this.places.splice(to, 0, place);
    this.acts.push(() => {
      const content = place.cell?.toJSON();
      this._shared.deleteCell(at);
      place.cell = content === undefined ? null : this._shared.insertCell(to, content);
    });
    return done({ ...step, after: above, above: step.after });
  }

  private _above(at: number): string {
    return at > 0 ? this.places[at - 1].name : '';
  }

  private _indexOf(name: string): number {
    return this.places.findIndex(place => place.name === name);
  }

  /** Cells of which a step had no effect: their other steps have none. */
  private readonly _stopped = new Set<string>();
}

function numbered(at: number): { number?: number } {
  return at < 0 ? {} : { number: at + 1 };
}

function done(back: NotebookStep): ITold {
  return { verdict: 'done', back: bounded(back) };
}

function locked(at: number, deed: string, why: string): ITold {
  return {
    verdict: 'locked',
    why: `Cell ${at + 1} cannot be ${deed}: ${why}. Nothing was done.`
  };
}

/** Its outputs are not trusted, for they come from a record. */
function contentOf(step: Extract<NotebookStep, { do: 'put_back' }>): {
  id: string;
  cell_type: string;
  source: string;
  metadata: JsonObject;
} {
  const { cell_type: type, source, metadata, outputs, execution_count: count } = step.content;
  const kept = { ...object(metadata) };
  delete kept.trusted;
  const kind = typeof type === 'string' && KINDS.includes(type) ? type : 'raw';
  const code = {
    outputs: Array.isArray(outputs) ? outputs : [],
    execution_count: typeof count === 'number' ? count : null
  };
  return {
    id: step.cell,
    cell_type: kind,
    source: joined(source),
    metadata: kept,
    ...(kind === 'code' ? code : {})
  };
}
