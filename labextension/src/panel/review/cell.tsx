/** One proposed change, shown in the cell that it is about: what it would do, kept or undone. */
import { Cell, CodeCell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { PanelLayout, Widget } from '@lumino/widgets';
import { render, VNode } from 'preact';
import { Draft, editDraft, offers } from '../../core/decide';
import { isByHand } from '../../core/hand';
import { PAUSE_MS } from '../../core/sight';
import { IInterrupt } from '../../core/wire';
import { sentence } from '../../core/view/titles';
import { IView } from '../../core/view/view';
import { Warnings } from '../../core/view/warnings';
import { IChange, Obstacle } from './changes';
import { MergeView } from './merge';

export const REVIEWED = 'lobu-reviewed';

export interface ICellReviewOptions {
  interrupt: IInterrupt;
  change: IChange | Obstacle;
  cell: Cell;
  /** Of the change as it stood when it was drawn. */
  stamp: string;
  panel: NotebookPanel;
  view: IView;
  /** The person chose; null: they take their choice back. */
  onChoice: (draft: Draft | null) => void;
  /** Show the question's card. */
  onOpen: () => void;
}

export class CellReview extends Widget {
  constructor(private readonly _options: ICellReviewOptions) {
    super();
    const { cell, interrupt, view } = _options;
    this.addClass('lobu');
    this.addClass('lobu-review');
    this._change = _options.change;
    this.node.dataset.lmSuppressShortcuts = 'true';
    this._head = this.node.appendChild(document.createElement('div'));
    this.node.dataset.tool = interrupt.metadata?.lobu?.toolName ?? '';
    this._body = this.node.appendChild(document.createElement('div'));
    this._body.className = 'lobu-review-text';
    this._place(cell);
    const { sight } = view.page;
    if (sight.wait(interrupt) === Infinity) {
      sight.drawn(interrupt); // else its card is drawn already, and takes no pause again
    }
    this._drawn = sight.clock.now();
    this._unwatch = view.page.sight.watch(() => this.refresh());
    this._show();
  }

  get interrupt(): IInterrupt {
    return this._options.interrupt;
  }

  get cell(): Cell {
    return this._options.cell;
  }

  get stamp(): string {
    return this._options.stamp;
  }

  /** It can be kept or undone here. */
  get decidable(): boolean {
    return typeof this._change !== 'string';
  }

  get draft(): Draft | undefined {
    return this._options.view.thread.drafts.get(this.interrupt.id);
  }

  get open(): boolean {
    return this.decidable && this.draft === undefined;
  }

  /** The whole change, or what is left to decide of it, has been in sight, and long enough. */
  get mayKeep(): boolean {
    return this._ready() && (this._merge?.wasSeen ?? false);
  }

  /** Keep or undo all that is left. */
  settle(keep: boolean): void {
    const change = this._change as IChange;
    if (this._merge !== null && change.deed === 'edit') {
      this._merge.settle(keep);
      this._choose(draftOf(change, this._merge.result));
    } else {
      this._choose(keep ? { kind: 'approve' } : { kind: 'reject', reason: '' });
    }
  }

  /** The cell's own editor is shown, too. */
  beside = false;

  /** Show the cell's own editor beside the review: what is typed there makes the question anew. */
  showCell(): void {
    this.beside = true;
    this._mark(false);
    this.refresh();
  }

  reveal(): void {
    this.node.scrollIntoView({ block: 'nearest' });
    this._merge?.reveal();
  }

  /** Draw what has changed: the choice, or whether it can be kept already. */
  refresh(): void {
    const { view } = this._options;
    const draft = this.draft;
    if (this._shown !== draft && this.decidable) {
      this._show();
    }
    render(<Head review={this} options={this._options} change={this._change} />, this._head);
    const wait = this._wait;
    this.node.setAttribute('aria-busy', String(wait > 0 && draft === undefined));
    if (Number.isFinite(wait) && wait > 0) {
      this._cancel?.();
      this._cancel = view.page.sight.clock.after(wait, () => this.refresh());
    }
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._cancel?.();
    this._unwatch();
    this._merge?.dispose();
    render(null, this._head);
    this._mark(false);
    super.dispose();
  }

  /** Its merge view, anew: while nothing is chosen, all hunks are open. */
  private _show(): void {
    const { _change: change, draft } = this;
    this.beside = false;
    this._shown = draft;
    this._merge?.dispose();
    this._merge = null;
    this._body.replaceChildren();
    const stands = typeof change !== 'string' && draft === undefined;
    this._mark(stands && change.deed !== 'insert');
    if (stands) {
      this._merge = this._merged(change);
      if (!this._merge.untouched) {
        this._merge.dispose();
        this._merge = null;
        this._change = 'hidden';
        this._mark(false);
      }
    }
    this.refresh();
  }

  /** In the place of the cell's own editor; another review may stand below the same cell. */
  private _mark(marked: boolean): void {
    if (this.parent === this.cell.inputArea) {
      this.cell.toggleClass(REVIEWED, marked);
    }
  }

  private _merged(change: IChange): MergeView {
    const { cell, panel, view } = this._options;
    const { sight } = view.page;
    const inserted = change.type === 'markdown' ? 'text/x-ipythongfm' : panel.content.codeMimetype;
    return new MergeView({
      host: this._body,
      before: change.before,
      after: change.after,
      mimeType: change.deed === 'insert' ? inserted : cell.model.mimeType,
      factory: panel.content.contentFactory.editorFactory,
      trans: view.trans,
      parts: change.deed === 'edit' && offers(this.interrupt).includes('edit'),
      ready: () => this._ready(),
      onDecided: () => {
        sight.decided();
        if (this._merge?.settled) {
          this._choose(draftOf(change, this._merge.result));
        }
      },
      onSeen: () => this._merge?.untouched && this._merge.wasSeen && sight.saw(this.interrupt)
    });
  }

  private _choose(draft: Draft): void {
    this._options.view.page.sight.decided();
    this._options.onChoice(draft);
  }

  private _ready(): boolean {
    return this._wait === 0;
  }

  /** Milliseconds until something can be kept here: the review may have come after the card. */
  private get _wait(): number {
    const { sight } = this._options.view.page;
    return Math.max(sight.wait(this.interrupt), this._drawn + PAUSE_MS - sight.clock.now(), 0);
  }

  /** In the place of the cell's editor; an insertion below the cell, or above the first one. */
  private _place(cell: Cell): void {
    const { interrupt } = this._options;
    const inserts = interrupt.metadata?.lobu?.toolName === 'insert_cell';
    const layout = (inserts ? cell : cell.inputArea)?.layout as PanelLayout;
    if (inserts && interrupt.metadata?.lobu?.args?.after === '') {
      layout.insertWidget(0, this);
    } else {
      layout.addWidget(this);
    }
  }

  private readonly _head: HTMLElement;
  private readonly _body: HTMLElement;
  private _change: IChange | Obstacle;
  private _merge: MergeView | null = null;
  private _shown: Draft | undefined;
  private _cancel: (() => void) | null = null;
  private readonly _drawn: number;
  private readonly _unwatch: () => void;
}

/** What stands for a result: all of it, nothing of it, or the text as it is now. */
function draftOf(change: IChange, result: string): Draft {
  if (result === change.after) {
    return { kind: 'approve' };
  }
  const edit = editDraft(change.interrupt);
  return result === change.before || edit.kind !== 'edit'
    ? { kind: 'reject', reason: '' }
    : { ...edit, code: result };
}

function Head(props: {
  review: CellReview;
  options: ICellReviewOptions;
  change: IChange | Obstacle;
}): VNode {
  const { review, change } = props;
  const { interrupt, view, onOpen } = props.options;
  const { trans, host } = view;
  const { toolName = '', args = {} } = interrupt.metadata?.lobu ?? {};
  const title = sentence(toolName, args, 'not', host);
  const asks = sentence(toolName, args, 'asks', host);
  const press = (keep: boolean) => (event: MouseEvent) => {
    if (keep && !review.mayKeep) {
      review.reveal();
    } else if (isByHand(event)) {
      review.settle(keep);
    }
  };
  const busy = view.thread.sending || view.thread.isSent(interrupt.id);
  return (
    <>
      <div class="lobu-review-head">
        <span class="lobu-review-title">{title}</span>
        {typeof change === 'string' ? (
          <>
            <span class="lobu-review-note">{obstacles(change, view)}</span>
            <button type="button" class="lobu-button" onClick={onOpen}>
              {trans.__('Show in chat')}
            </button>
          </>
        ) : review.draft === undefined ? (
          <>
            <button
              type="button"
              class="lobu-button lobu-primary"
              disabled={busy}
              onClick={press(true)}
            >
              {trans.__('Keep')}
            </button>
            <button type="button" class="lobu-button" disabled={busy} onClick={press(false)}>
              {trans.__('Undo')}
            </button>
            {change.deed !== 'insert' && !review.beside && (
              <button
                type="button"
                class="lobu-button lobu-quiet"
                onClick={() => review.showCell()}
              >
                {trans.__('Show cell')}
              </button>
            )}
            <button type="button" class="lobu-button lobu-quiet" onClick={onOpen}>
              {trans.__('Show in chat')}
            </button>
          </>
        ) : (
          <>
            <span class="lobu-review-note">{chosen(review.draft, view)}</span>
            <button
              type="button"
              class="lobu-button"
              disabled={busy}
              onClick={() => props.options.onChoice(null)}
            >
              {trans.__('Change')}
            </button>
          </>
        )}
      </div>
      <Warnings interrupt={{ ...interrupt, expiresAt: undefined }} title={asks} view={view} />
    </>
  );
}

function obstacles(obstacle: Obstacle, { trans }: IView): string {
  const words = {
    gone: trans.__('The cell is gone.'),
    changed: trans.__('This cell changed after the agent asked.'),
    hidden: trans.__('Contains characters that an editor does not show.')
  };
  return words[obstacle];
}

function chosen(draft: Draft, { trans }: IView): string {
  const words: { [kind in Draft['kind']]: string } = {
    approve: trans.__('Kept'),
    edit: trans.__('Kept in part'),
    reject: trans.__('Undone'),
    respond: trans.__('Undone'),
    answer: ''
  };
  return words[draft.kind];
}

/** A cell's widget once it is drawn: notebooks draw the cells around the screen first. */
export async function drawn(cell: Cell): Promise<boolean> {
  await (cell instanceof CodeCell || !cell.inputArea ? cell.ready : undefined);
  return !cell.isDisposed && Boolean(cell.inputArea);
}
