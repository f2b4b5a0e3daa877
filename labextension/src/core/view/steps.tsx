/** Many finished calls in a row are one line: "Ran 30 steps · 2.9 s". The last one is open; figures are never folded. */
import { ComponentChildren, VNode } from 'preact';
import { textOf } from '../run';
import { Item, IToolItem } from '../wire';
import { isRich } from './outputs';
import { tookOf } from './tool';
import { duration, IView } from './view';

const FEWEST = 5;

export interface IStretch {
  items: Item[];
  /** Where it begins among the items that are drawn. */
  at: number;
  /** The finished calls of a row; empty: the items are shown as they are. */
  steps: IToolItem[];
}

/** Cut the items where a row of finished calls begins or ends. A call that `asks` or runs is in no row. */
export function stretches(items: Item[], asks: (item: IToolItem) => boolean): IStretch[] {
  const found: IStretch[] = [];
  let row: Item[] = [];
  let at = 0;
  const close = (): void => {
    const steps = row.filter(one => one.kind === 'tool');
    if (steps.length >= FEWEST) {
      found.push({ items: row, at, steps });
    } else {
      row.forEach((item, i) => found.push({ items: [item], at: at + i, steps: [] }));
    }
    row = [];
  };
  items.forEach((item, i) => {
    if (isStep(item, asks) || (row.length > 0 && isEmpty(item))) {
      at = row.length === 0 ? i : at;
      row.push(item);
    } else {
      close();
      found.push({ items: [item], at: i, steps: [] });
    }
  });
  close();
  return found;
}

/** Where the row begins that goes on at `from`. */
export function beginOfRow(items: Item[], from: number): number {
  let at = from;
  while (at > 0 && at < items.length && isStep(items[at], never) && isStep(items[at - 1], never)) {
    at--;
  }
  return at;
}

export function never(): boolean {
  return false;
}

function isStep(item: Item, asks: (item: IToolItem) => boolean): boolean {
  return (
    item.kind === 'tool' && item.status === 'done' && !asks(item) && !item.outputs.some(isRich)
  );
}

/** A message without a word draws nothing. */
function isEmpty(item: Item): boolean {
  return item.kind === 'message' && item.role !== 'user' && item.done && !textOf(item.content);
}

export function Steps(props: {
  items: Item[];
  steps: IToolItem[];
  view: IView;
  children: ComponentChildren[];
}): VNode {
  const { items, steps, view, children } = props;
  const { trans } = view;
  const id = `steps ${steps[0].id}`;
  const open = view.thread.opened.get(id) ?? false;
  const took = duration(steps.reduce((sum, one) => sum + tookOf(one), 0));
  const failed = steps.filter(one => one.ok === false || one.outputs.some(isError)).length;
  const words = [
    trans.__('Ran %1 steps', steps.length),
    took,
    failed > 0 ? trans.__('%1 failed', failed) : ''
  ];
  return (
    <>
      <button
        type="button"
        class="lobu-steps"
        aria-expanded={open}
        onClick={() => {
          view.thread.opened.set(id, !open);
          view.redraw();
        }}
      >
        {words.filter(Boolean).join(' · ')}
      </button>
      {open ? children : children[items.indexOf(steps[steps.length - 1])]}
    </>
  );
}

function isError(output: { output_type: string }): boolean {
  return output.output_type === 'error';
}
