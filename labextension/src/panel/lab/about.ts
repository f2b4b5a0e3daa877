/** A cell as the context of a message: its name, its id and source, and its error. */
import { Cell, CodeCell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ITrans } from '../../core/host';
import { IContext } from '../model/completion';
import { context, errorTextOf, sourceOf } from './mentions';

const OURS = /^\s*%%?lobu\b/; // its error is told in its own output

/** `cell [2]` by the number in its prompt, else `cell 3` by its place. */
export function nameOf(panel: NotebookPanel, cell: Cell, trans: ITrans): string {
  const count = cell instanceof CodeCell ? cell.model.executionCount : null;
  const place = panel.content.widgets.indexOf(cell) + 1;
  return count ? trans.__('cell [%1]', count) : trans.__('cell %1', place);
}

/** What goes with a message about a cell. */
export function aboutCell(cell: Cell, name: string): IContext[] {
  const { id } = cell.model;
  const parts = [
    context(`${name}, id ${id}`, sourceOf(cell) || '(empty)'),
    cell instanceof CodeCell ? context(`The error of ${name}`, errorTextOf(cell)) : null
  ];
  return parts.filter(part => part !== null);
}

/** Did the kernel end this cell with an error? Only an output of that kind counts, not what another one shows. */
export function hasFailed(cell: Cell): cell is CodeCell {
  if (!(cell instanceof CodeCell) || OURS.test(sourceOf(cell))) {
    return false;
  }
  const { outputs } = cell.model;
  for (let at = outputs.length - 1; at >= 0; at--) {
    if (outputs.get(at).type === 'error') {
      return true;
    }
  }
  return false;
}
