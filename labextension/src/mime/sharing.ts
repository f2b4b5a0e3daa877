/**
 * Writing an output of a notebook that pages share live (jupyter-collaboration).
 *
 * JupyterLab writes an output by taking it out of the shared list and putting a new one in: two pages that do so at once
 * leave two outputs. Here a page sets a key of the output that is there. Pages that do so at once leave one of their
 * values; and what is set while the kernel's page replaces the output goes with the old one.
 */
import type { Cell } from '@jupyterlab/cells';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { ICellOutput, OUTPUT_MIME } from '../core/wire';

/** Writes `bundle` into the output `was`, if it is there. */
export type Write = (was: ICellOutput, bundle: Bundle) => void;
export type Bundle = { [mime: string]: unknown };

/** The part of a shared code cell that is used. */
export interface ISharedCell {
  ymodel: { get(name: string): unknown };
  transact(change: () => void, undoable?: boolean): void;
}

interface IMap {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
}

/** How `node`, a cell's output, is written: not at all, through the shared document, or (`null`) as in a notebook of one's own. */
export function writerOf(node: HTMLElement, notebooks: INotebookTracker | null): Write | null {
  const panel = notebooks?.find(one => one.node.contains(node));
  if (!panel?.context.contentsModel?.writable) {
    return () => undefined;
  }
  if (!panel.context.model.collaborative) {
    return null;
  }
  const cell = panel.content.widgets.find((one: Cell) => one.node.contains(node));
  return (was, bundle) => {
    if (cell && !cell.isDisposed) {
      setShared(cell.model.sharedModel as unknown as ISharedCell, was, bundle);
    }
  };
}

/** Set the data of the output of `was` in the shared cell. */
export function setShared(cell: ISharedCell, was: ICellOutput, bundle: Bundle): void {
  const outputs = cell.ymodel.get('outputs') as Iterable<IMap> | undefined;
  for (const output of outputs ?? []) {
    const data = (typeof output.get === 'function' ? output.get('data') : undefined) as
      Bundle | undefined;
    const own = data?.[OUTPUT_MIME] as ICellOutput | undefined;
    if (own?.threadId === was.threadId && own.runId === was.runId) {
      cell.transact(() => output.set('data', { ...data, ...bundle }), false);
      return;
    }
  }
}
