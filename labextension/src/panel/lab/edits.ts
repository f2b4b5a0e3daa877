/**
 * What an agent's requests do to an open notebook; the rules are those of model/notebooks.py.
 *
 * A change is made only while its cell has the source that the person was shown, and is one step of
 * the notebook's own undo.
 */
import { ICellModel, ICodeCellModel } from '@jupyterlab/cells';
import { INotebookModel } from '@jupyterlab/notebook';
import { object } from '../../core/json';
import { joined } from '../../core/text/joined';
import {
  IMade,
  INotebookRequest,
  IOutput,
  JsonObject,
  NotebookStep,
  OUTPUT_MIME
} from '../../core/wire';
import { bounded } from './steps';

export type Shared = INotebookModel['sharedModel'];
export type Cell = Shared['cells'][number];
type Read = Extract<INotebookRequest, { do: 'read' }>;
type Change = Exclude<INotebookRequest, { do: 'read' | 'ping' | 'several' }>;
type Locks = { edit?: string; delete?: string };

const LONGEST = 4000; // characters of an error
const LONGEST_STREAM = 100_000;
const LONGEST_DATA = 100_000; // characters of one value of a MIME bundle
const LONGEST_ANSWER = 400_000; // characters of sources and outputs, after which a read ends
const LONGEST_OUTLINE = 200; // characters of a source in an outline
const LONGEST_ID = 64;
const TRANSCRIPT = '[the transcript of a chat with an agent, not repeated here]';

const done = { done: true };
const doneWith = (back: NotebookStep): JsonObject => ({
  done: true,
  back: bounded(back)
});
const conflict = (what: 'changed' | 'gone' | 'place'): JsonObject => ({ conflict: what });

/** The cells of a notebook from a number on, as many as an answer holds, or the one of that name. */
export function read(model: INotebookModel, wish: Read): JsonObject {
  const { cells } = model.sharedModel;
  const names = namesOf(cells);
  const told: JsonObject[] = [];
  let room = LONGEST_ANSWER;
  for (const [index, cell] of cells.entries()) {
    if (wish.cell === undefined ? index + 1 < (wish.start ?? 1) : names[index] !== wish.cell) {
      continue;
    }
    const one = described(cell, names[index], index, wish.outline === true);
    room -= JSON.stringify([one.source, one.outputs]).length;
    if (told.length > 0 && room < 0) {
      break;
    }
    told.push(one);
  }
  return { cells: told, total: cells.length, where: 'page' };
}

/** A cell's name: its id, or its place where the id cannot tell it from the others. */
export function namesOf(cells: readonly Cell[]): string[] {
  const counts = new Map<string, number>();
  cells.forEach(cell => counts.set(cell.getId(), (counts.get(cell.getId()) ?? 0) + 1));
  return cells.map((cell, index) => {
    const id = cell.getId();
    const usable = id.length > 0 && id.length <= LONGEST_ID && !id.startsWith('#');
    return usable && counts.get(id) === 1 ? id : `#${index + 1}`;
  });
}

/** Why a cell may not be edited or deleted. */
export function locksOf(cell: Cell): Locks {
  const metadata = cell.getMetadata() as JsonObject;
  const nbgrader = metadata.nbgrader;
  const graded = (typeof nbgrader === 'object' && nbgrader ? nbgrader : {}) as JsonObject;
  const locks: Locks = {};
  if (metadata.editable === false) {
    locks.edit = 'it is locked ("editable": false)';
  } else if (graded.locked || (graded.grade && !graded.solution)) {
    locks.edit = 'it is a locked cell of an nbgrader assignment';
  }
  if (metadata.deletable === false) {
    locks.delete = 'it is locked ("deletable": false)';
  } else if (graded.locked || graded.grade || graded.solution || graded.task) {
    locks.delete = 'it is a cell of an nbgrader assignment';
  } else if (locks.edit) {
    locks.delete = locks.edit;
  }
  return locks;
}

/** Do what is asked, or say why not and do nothing. */
export function change(model: INotebookModel, wish: Change): JsonObject {
  const shared = model.sharedModel;
  const names = namesOf(shared.cells);
  const at = names.indexOf(wish.cell);
  const cell: Cell | undefined = shared.cells[at];
  if (wish.do === 'insert') {
    return cell === undefined ? insert(shared, wish, names) : done;
  }
  if (cell === undefined) {
    return wish.do === 'delete' ? { done: true, absent: true } : conflict('gone');
  }
  if (wish.do === 'edit' && cell.getSource() === wish.source) {
    return done;
  }
  if (cell.getSource() !== wish.was) {
    return conflict('changed');
  }
  const why = wish.do === 'edit' || wish.do === 'delete' ? locksOf(cell)[wish.do] : undefined;
  if (why) {
    const deed = wish.do === 'edit' ? 'changed' : 'deleted';
    return { refused: `Cell ${at + 1} cannot be ${deed}: ${why}. Nothing was done.` };
  }
  switch (wish.do) {
    case 'edit':
      alone(cell, () => cell.setSource(wish.source));
      return doneWith({ ...wish, was: wish.source, source: wish.was });
    case 'delete':
      return remove(shared, at, wish.cell, names[at - 1] ?? '');
    case 'move':
      return move(shared, at, wish, names);
    case 'outputs':
      return show(model, at, wish);
  }
}

function insert(
  shared: Shared,
  wish: Extract<Change, { do: 'insert' }>,
  names: string[]
): JsonObject {
  const { made } = wish;
  const usual = place(names, wish.after);
  const at = made === undefined ? usual : placeOfMade(shared, made, usual);
  if (at === null) {
    return conflict('place');
  }
  alone(shared, () =>
    shared.insertCell(at, {
      id: wish.cell,
      cell_type: wish.type ?? 'code',
      source: wish.source,
      metadata: made === undefined ? {} : { lobu: made }
    } as Parameters<Shared['insertCell']>[1])
  );
  return doneWith({ do: 'delete', cell: wish.cell, was: wish.source });
}

/** As JupyterLab's own command, it leaves an empty cell where there would be none. */
function remove(shared: Shared, at: number, name: string, after: string): JsonObject {
  const content = shared.getCell(at).toJSON() as JsonObject;
  alone(shared, () => {
    shared.deleteCell(at);
    if (shared.cells.length === 0) {
      shared.insertCell(0, { cell_type: 'code', source: '' });
    }
  });
  return doneWith({ do: 'put_back', cell: name, content, after });
}

function move(
  shared: Shared,
  at: number,
  wish: Extract<Change, { do: 'move' }>,
  names: string[]
): JsonObject {
  const rest = names.filter((_, index) => index !== at);
  const to = place(rest, wish.after);
  if (to === null) {
    return conflict('place');
  }
  if (to === at) {
    return done;
  }
  alone(shared, () => shared.moveCell(at, to));
  const [after, above] = [names[at - 1] ?? '', rest[to - 1] ?? ''];
  return doneWith({ do: 'move_back', cell: wish.cell, was: wish.was, after, above });
}

/**
 * Outputs that come with a request are never trusted: JupyterLab shows them without their scripts, and the notebook
 * is not signed with them. A script in them could decide for the person, which running code may not.
 */
function show(
  model: INotebookModel,
  at: number,
  { outputs, count }: Extract<Change, { do: 'outputs' }>
): JsonObject {
  const cell = model.cells.get(at);
  if (!isCode(cell)) {
    return conflict('changed');
  }
  cell.clearExecution(); // it marks the cell as trusted, for it has no outputs then
  cell.trusted = false;
  cell.deleteMetadata('trusted');
  cell.outputs.fromJSON(outputs as Parameters<typeof cell.outputs.fromJSON>[0]);
  cell.executionCount = count ?? null;
  return done;
}

function isCode(cell: ICellModel): cell is ICodeCellModel {
  return cell.type === 'code';
}

/** Where what comes after that cell goes; null: there is no such cell. */
function place(names: string[], after: string | undefined): number | null {
  if (!after) {
    return after === undefined ? names.length : 0;
  }
  const at = names.indexOf(after);
  return at < 0 ? null : at + 1;
}

/** Below the last cell of the same message, else where it is to be, else at the end. */
function placeOfMade(shared: Shared, made: IMade, usual: number | null): number {
  const marks = shared.cells.map(cell => object((cell.getMetadata() as JsonObject).lobu));
  const last = marks.map(mark => mark.messageId).lastIndexOf(made.messageId ?? '');
  return last < 0 ? (usual ?? marks.length) : last + 1;
}

/** As a step of its own of the undo, not one with what the person typed just before or after. */
export function alone(shared: Shared | Cell, work: () => void): void {
  const { undoManager } = shared as { undoManager?: { stopCapturing(): void } | null };
  undoManager?.stopCapturing();
  shared.transact(work);
  undoManager?.stopCapturing();
}

function described(cell: Cell, name: string, index: number, outline: boolean): JsonObject {
  const { outputs, execution_count: count } = cell.toJSON() as {
    outputs?: IOutput[];
    execution_count?: number | null;
  };
  const source = cell.getSource();
  const locked = locksOf(cell);
  return {
    ...(count ? { count } : {}),
    id: name,
    number: index + 1,
    type: cell.cell_type,
    source: outline ? source.slice(0, LONGEST_OUTLINE) : source,
    outputs: (outputs ?? []).map(said).filter(one => one !== ''),
    ...(Object.keys(locked).length > 0 ? { locked } : {})
  };
}

/**
 * What an output says: a text, as its stream or error has it, or its MIME bundle, in which what a model cannot
 * read is empty. The worker turns both into what a model is told.
 */
function said(output: IOutput): string | JsonObject {
  if (output.output_type === 'error') {
    return `${output.ename}: ${output.evalue}`.slice(0, LONGEST);
  }
  if (output.text !== undefined) {
    const text = joined(output.text);
    const half = LONGEST_STREAM / 2;
    return text.length <= LONGEST_STREAM
      ? text
      : `${text.slice(0, half)}\n[…]\n${text.slice(-half)}`;
  }
  if (OUTPUT_MIME in (output.data ?? {})) {
    return TRANSCRIPT;
  }
  const bundle: JsonObject = {};
  for (const [mime, value] of Object.entries(output.data ?? {})) {
    bundle[mime] = readable(mime, value) ? value : '';
  }
  return bundle;
}

function readable(mime: string, value: unknown): boolean {
  return !/^(image|audio|video)\//.test(mime) && JSON.stringify(value).length <= LONGEST_DATA;
}
