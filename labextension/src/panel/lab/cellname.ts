/** The cells of open notebooks, by their ids: how the person knows them, and the way to them. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITrans } from '../../core/host';

/** `cell [2]` by the number in its prompt, else `cell 3` by its place; null if no open notebook has that cell. */
export function cellName(
  notebooks: INotebookTracker | null,
  id: string,
  trans: ITrans
): string | null {
  const found = find(notebooks, id);
  if (found === null) {
    return null;
  }
  const cell = found.panel.content.model?.sharedModel.cells[found.at];
  const { execution_count: count } = cell?.toJSON() as { execution_count?: number | null };
  return count ? trans.__('cell [%1]', count) : trans.__('cell %1', found.at + 1);
}

/** Bring the cell of that id to the front, as the active one. */
export function showCell(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  id: string
): void {
  const found = find(notebooks, id);
  if (found !== null) {
    const { content } = found.panel;
    app.shell.activateById(found.panel.id);
    content.activeCellIndex = found.at;
    content.deselectAll();
    void content.scrollToItem(found.at, 'center');
  }
}

/** Of several, the last that was opened. */
function find(
  notebooks: INotebookTracker | null,
  id: string
): { panel: NotebookPanel; at: number } | null {
  let found: { panel: NotebookPanel; at: number } | null = null;
  notebooks?.forEach(panel => {
    const cells = [...(panel.content.model?.sharedModel.cells ?? [])];
    const at = cells.findIndex(cell => cell.getId() === id);
    found = at >= 0 ? { panel, at } : found;
  });
  return found;
}
