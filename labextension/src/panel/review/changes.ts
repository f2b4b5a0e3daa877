/** Which open questions are about cells, and whether a cell still reads as the question says. */
import { argsOf, offers, optionsOf } from '../../core/decide';
import { turns } from '../../core/text/patch';
import { hidden } from '../../core/text/visible';
import { IInterrupt } from '../../core/wire';

export type Deed = 'insert' | 'edit' | 'delete';

export interface IChange {
  interrupt: IInterrupt;
  deed: Deed;
  /** The cell's name; of an insertion the one above it, empty for the first place. */
  cell: string;
  before: string;
  after: string;
  /** An inserted cell's type. */
  type: string;
}

/** Why a question is not shown in its notebook: its cell was changed since, or its text hides something. */
export type Obstacle = 'gone' | 'changed' | 'hidden';

const DEEDS: { [tool: string]: Deed } = {
  insert_cell: 'insert',
  edit_cell: 'edit',
  delete_cell: 'delete'
};

/** Is the question about a change of cells that can be decided in the notebook? */
export function isCellChange(interrupt: IInterrupt): boolean {
  const lobu = interrupt.metadata?.lobu;
  return (
    Object.hasOwn(DEEDS, lobu?.toolName ?? '') &&
    offers(interrupt).includes('approve') &&
    optionsOf(interrupt).length === 0 &&
    !lobu?.argsText
  );
}

/** The cell that a question is about, as `cell` of {@link IChange}; null: the last one. */
export function anchorOf(interrupt: IInterrupt): string | null {
  const { cell, after } = argsOf(interrupt);
  const name = cell ?? after;
  return typeof name === 'string' ? name : null;
}

/**
 * The change that a question stands for, given the source of its cell; undefined: there is no such cell.
 *
 * The question has the new text and the diff, and its digest covers both. So the cell's source is the old text
 * exactly if the diff leads from it to the new one.
 */
export function changeOf(interrupt: IInterrupt, source: string | undefined): IChange | Obstacle {
  const deed = DEEDS[interrupt.metadata?.lobu?.toolName ?? ''];
  const { code, type } = argsOf(interrupt);
  if (source === undefined) {
    return 'gone';
  }
  const before = deed === 'insert' ? '' : source;
  const after = deed !== 'delete' && typeof code === 'string' ? code : '';
  if (!turns(interrupt.metadata?.lobu?.diff ?? '', before, after)) {
    return 'changed';
  }
  if (hidden(before + after).size > 0) {
    return 'hidden';
  }
  return {
    interrupt,
    deed,
    cell: anchorOf(interrupt) ?? '',
    before,
    after,
    type: type === 'markdown' ? 'markdown' : 'code'
  };
}
