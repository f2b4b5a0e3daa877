/** The names of cells, as the person sees them. */
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITrans } from '../../core/host';

/** `cell [2]` by the number in its prompt, else `cell 3` by its place; null if no open notebook has that cell. */
export function cellName(
  notebooks: INotebookTracker | null,
  id: string,
  trans: ITrans
): string | null {
  let name: string | null = null;
  notebooks?.forEach(panel => {
    const cells = [...(panel.content.model?.sharedModel.cells ?? [])];
    const at = cells.findIndex(cell => cell.getId() === id);
    if (at >= 0) {
      const { execution_count: count } = cells[at].toJSON() as { execution_count?: number | null };
      name = count ? trans.__('cell [%1]', count) : trans.__('cell %1', at + 1);
    }
  });
  return name;
}
