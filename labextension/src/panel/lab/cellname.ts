/** The cells of open notebooks, by their ids: how the person knows them, and the way to them. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITrans } from '../../core/host';
import { object } from '../../core/json';
import { JsonObject } from '../../core/wire';
import { Cell } from './edits';

/** `cell [2]` by the number in its prompt, else `cell 3` by its place; null if no open notebook has that cell. */
export function cellName(
  notebooks: INotebookTracker | null,
  id: string,
  trans: ITrans
): string | null {
  const found = find(notebooks, cell => cell.getId() === id);
  if (found === null) {
    return null;
  }
  const cell = found.panel.content.model?.sharedModel.cells[found.at];
  const { execution_count: count } = cell?.toJSON() as { execution_count?: number | null };
  return count ? trans.__('cell [%1]', count) : trans.__('cell %1', found.at + 1);
}

/** The id of the cell that shows the code of a call, by the call that its metadata names. */
export function cellOf(notebooks: INotebookTracker | null, callId: string): string | null {
  return find(notebooks, cell => madeBy(cell) === callId)?.id ?? null;
}

function madeBy(cell: Cell): unknown {
  return object((cell.getMetadata() as JsonObject).lobu).toolCallId;
}

/** Bring the cell of that id to the front, as the active one. */
export function showCell(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  id: string
): void {
  const found = find(notebooks, cell => cell.getId() === id);
  if (found !== null) {
    const { content } = found.panel;
    app.shell.activateById(found.panel.id);
    content.activeCellIndex = found.at;
    content.deselectAll();
    void content.scrollToItem(found.at, 'center');
  }
}

interface IFound {
  panel: NotebookPanel;
  at: number;
  id: string;
}

/** Of several, the last that was opened. */
function find(notebooks: INotebookTracker | null, isIt: (cell: Cell) => boolean): IFound | null {
  let found: IFound | null = null;
  notebooks?.forEach(panel => {
    const cells = [...(panel.content.model?.sharedModel.cells ?? [])];
    const at = cells.findIndex(isIt);
    found = at >= 0 ? { panel, at, id: cells[at].getId() } : found;
  });
  return found;
}
