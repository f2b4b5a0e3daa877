/**
 * What an agent's requests do to an open notebook; the rules are those of model/notebooks.py.
 *
 * A change is made only while its cell has the source that the person was shown, and is one step of
 * the notebook's own undo.
 */
import { CodeCellModel } from '@jupyterlab/cells';
import { INotebookModel } from '@jupyterlab/notebook';
import { joined } from '../../core/text/joined';
import { INotebookRequest, IOutput, JsonObject } from '../../core/wire';

type Shared = INotebookModel['sharedModel'];
type Cell = Shared['cells'][number];
type Change = Exclude<INotebookRequest, { do: 'read' | 'ping' }>;

const LONGEST = 4000; // characters of an error
const LONGEST_STREAM = 100_000;
const LONGEST_DATA = 100_000; // characters of one value of a MIME bundle

const done = { done: true };
const conflict = (what: 'changed' | 'gone' | 'place'): JsonObject => ({ conflict: what });

/** The cells of a notebook, or the one of that id, as an agent reads them. */
export function read(model: INotebookModel, id: string | undefined): JsonObject {
  const cells = model.sharedModel.cells.filter(cell => id === undefined || cell.getId() === id);
  return { cells: cells.map(described), where: 'page' };
}

/** Do what is asked, or say why not and do nothing. */
export function change(model: INotebookModel, wish: Change): JsonObject {
  const shared = model.sharedModel;
  const at = shared.cells.findIndex(cell => cell.getId() === wish.cell);
  const cell: Cell | undefined = shared.cells[at];
  if (wish.do === 'insert') {
    return cell === undefined ? insert(shared, wish) : done;
  }
  if (cell === undefined) {
    return wish.do === 'delete' ? done : conflict('gone');
  }
  if (wish.do === 'edit' && cell.getSource() === wish.source) {
    return done;
  }
  if (cell.getSource() !== wish.was) {
    return conflict('changed');
  }
  switch (wish.do) {
    case 'edit':
      alone(cell, () => cell.setSource(wish.source));
      return done;
    case 'delete':
      return remove(shared, at);
    case 'move':
      return move(shared, at, wish.after);
    case 'outputs':
      return show(model, at, wish.outputs);
  }
}

function insert(shared: Shared, wish: Extract<Change, { do: 'insert' }>): JsonObject {
  const at = place(shared.cells, wish.after);
  if (at === null) {
    return conflict('place');
  }
  alone(shared, () =>
    shared.insertCell(at, {
      id: wish.cell,
      cell_type: wish.type ?? 'code',
      source: wish.source,
      metadata: {}
    })
  );
  return done;
}

/** As JupyterLab's own command, it leaves an empty cell where there would be none. */
function remove(shared: Shared, at: number): JsonObject {
  alone(shared, () => {
    shared.deleteCell(at);
    if (shared.cells.length === 0) {
      shared.insertCell(0, { cell_type: 'code', source: '' });
    }
  });
  return done;
}

function move(shared: Shared, at: number, after: string | undefined): JsonObject {
  const rest = shared.cells.filter((_, index) => index !== at);
  const to = place(rest, after);
  if (to === null) {
    return conflict('place');
  }
  if (to !== at) {
    alone(shared, () => shared.moveCell(at, to));
  }
  return done;
}

/**
 * Outputs that come with a request are never trusted: JupyterLab shows them without their scripts, and the notebook
 * is not signed with them. A script in them could decide for the person, which running code may not.
 */
function show(model: INotebookModel, at: number, outputs: IOutput[]): JsonObject {
  const cell = model.cells.get(at);
  if (!(cell instanceof CodeCellModel)) {
    return conflict('changed');
  }
  cell.clearExecution(); // it marks the cell as trusted, for it has no outputs then
  cell.trusted = false;
  cell.deleteMetadata('trusted');
  cell.outputs.fromJSON(outputs as Parameters<typeof cell.outputs.fromJSON>[0]);
  return done;
}

/** Where what comes after that cell goes; null: there is no such cell. */
function place(cells: readonly Cell[], after: string | undefined): number | null {
  if (!after) {
    return after === undefined ? cells.length : 0;
  }
  const at = cells.findIndex(cell => cell.getId() === after);
  return at < 0 ? null : at + 1;
}

/** As a step of its own of the undo, not one with what the person typed just before or after. */
function alone(shared: Shared | Cell, work: () => void): void {
  const { undoManager } = shared as { undoManager?: { stopCapturing(): void } | null };
  undoManager?.stopCapturing();
  shared.transact(work);
  undoManager?.stopCapturing();
}

function described(cell: Cell): JsonObject {
  const { outputs, execution_count: count } = cell.toJSON() as {
    outputs?: IOutput[];
    execution_count?: number | null;
  };
  return {
    ...(count ? { count } : {}),
    id: cell.getId(),
    type: cell.cell_type,
    source: cell.getSource(),
    outputs: (outputs ?? []).map(said).filter(one => one !== '')
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
  const bundle: JsonObject = {};
  for (const [mime, value] of Object.entries(output.data ?? {})) {
    bundle[mime] = readable(mime, value) ? value : '';
  }
  return bundle;
}

function readable(mime: string, value: unknown): boolean {
  return !/^(image|audio|video)\//.test(mime) && JSON.stringify(value).length <= LONGEST_DATA;
}
