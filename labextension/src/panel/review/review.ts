/** The review of what a thread's agent wants to change in an open notebook: all cells of its message together. */
import { Cell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { problemOf } from '../../core/decide';
import { Page } from '../../core/page';
import { Thread } from '../../core/thread';
import { isDecidable, sendBatch } from '../../core/view/controls';
import { IView } from '../../core/view/view';
import { IInterrupt } from '../../core/wire';
import { namesOf } from '../lab/edits';
import { BarWidget } from './bar';
import { CellReview, drawn } from './cell';
import { anchorOf, changeOf, isCellChange } from './changes';

export class Review {
  /** `open` shows the thread's cards. */
  constructor(
    private readonly _page: Page,
    threadId: string,
    private readonly _panel: NotebookPanel,
    private readonly _open: () => void
  ) {
    this._thread = _page.thread(threadId);
    this._view = {
      page: _page,
      thread: this._thread,
      runId: null,
      host: _page.host,
      trans: _page.host.trans,
      redraw: () => this._thread.changed()
    };
    this._bar = new BarWidget(_page.host.trans);
    this._detach = this._thread.attach(() => this._soon());
    this._shared?.changed.connect(this._soon);
    _panel.disposed.connect(this.dispose);
    this._soon();
  }

  readonly dispose = (): void => {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._detach();
    this._shared?.changed.disconnect(this._soon);
    this._panel.disposed.disconnect(this.dispose);
    this._reviews.forEach(one => one.dispose());
    this._reviews.clear();
    this._bar.dispose();
  };

  private get _shared(): NonNullable<NotebookPanel['content']['model']>['sharedModel'] | undefined {
    return this._panel.content.model?.sharedModel;
  }

  /** The questions that are shown here, in the order of their calls. */
  private get _asked(): IInterrupt[] {
    return this._thread.state.interrupts.filter(
      one => isCellChange(one) && isDecidable(one, this._view)
    );
  }

  private readonly _soon = (): void => {
    this._frame ||= requestAnimationFrame(() => {
      this._frame = 0;
      if (!this._disposed) {
        void this._sync();
      }
    });
  };

  /** Show the open questions, and nothing else: one whose cell reads otherwise now is shown anew. */
  private async _sync(): Promise<void> {
    const asked = this._asked;
    const standing = new Map(asked.map(one => [one, this._stands(one)]));
    for (const [interrupt, review] of this._reviews) {
      const now = standing.get(interrupt);
      if (now === undefined || review.stamp !== now.stamp || review.cell.isDisposed) {
        this._reviews.delete(interrupt);
        review.dispose();
      }
    }
    for (const [interrupt, { cell, change, stamp }] of standing) {
      if (cell === undefined || this._reviews.has(interrupt) || !(await drawn(cell))) {
        continue;
      }
      if (this._disposed || this._reviews.has(interrupt) || !this._asked.includes(interrupt)) {
        continue; // while it was waited for
      }
      const review = new CellReview({
        interrupt,
        change,
        cell,
        stamp,
        panel: this._panel,
        view: this._view,
        onChoice: draft => this._choose(interrupt, draft),
        onOpen: this._open
      });
      this._reviews.set(interrupt, review);
      this._scrollTo(review);
    }
    this._refresh();
  }

  /** A question's cell, what it would change there, and a stamp of both. */
  private _stands(interrupt: IInterrupt): {
    cell: Cell | undefined;
    change: ReturnType<typeof changeOf>;
    stamp: string;
  } {
    const cells = this._shared?.cells ?? [];
    const names = namesOf(cells);
    const name = anchorOf(interrupt);
    const at = name === null ? cells.length - 1 : name === '' ? 0 : names.indexOf(name);
    const cell = this._panel.content.widgets[at] as Cell | undefined;
    const change = changeOf(interrupt, cells[at]?.getSource());
    return { cell, change, stamp: typeof change === 'string' ? change : 'as asked' };
  }

  private _choose(interrupt: IInterrupt, draft: Parameters<Thread['choose']>[1] | null): void {
    if (draft === null) {
      this._thread.drafts.delete(interrupt.id);
      this._thread.changed();
      return;
    }
    this._problem = problemOf(draft, interrupt, this._page.host.trans) ?? '';
    if (this._problem === '') {
      this._thread.choose(interrupt, draft);
      this._send();
    }
  }

  /** Send all decisions, once each question of the message has one. */
  private _send(): void {
    const { state, drafts } = this._thread;
    if (state.interrupts.every(one => drafts.has(one.id))) {
      void sendBatch(this._view);
    }
  }

  private _settle(keep: boolean): void {
    const open = [...this._reviews.values()].filter(one => one.open);
    const missed = keep ? open.find(one => !one.mayKeep) : undefined;
    this._problem = missed ? this._page.host.trans.__('Scroll through all of them first.') : '';
    if (missed !== undefined) {
      this._scrollTo(missed, true);
      missed.reveal();
    } else {
      open.forEach(one => one.settle(keep));
    }
    this._refresh();
  }

  /** Bring a change before the person's eyes; unasked only where they are not at work in the notebook. */
  private _scrollTo(review: CellReview, asked = false): void {
    const { content } = this._panel;
    if (asked || !this._panel.node.contains(document.activeElement)) {
      void content.scrollToItem(content.widgets.indexOf(review.cell), 'smart');
    }
  }

  private _refresh(): void {
    const reviews = [...this._reviews.values()];
    reviews.forEach(one => one.refresh());
    if (reviews.length === 0) {
      this._bar.parent = null;
      return;
    }
    const { contentHeader } = this._panel;
    if (this._bar.parent === null) {
      contentHeader.addWidget(this._bar);
    }
    const open = reviews.filter(one => one.open);
    const { interrupts } = this._thread.state;
    const shown = new Set(reviews.filter(one => one.decidable).map(one => one.interrupt));
    this._bar.draw({
      changes: reviews.length,
      left: open.length,
      others: interrupts.filter(one => !shown.has(one) && !this._thread.drafts.has(one.id)).length,
      problem: this._problem || (this._thread.problem ?? ''),
      busy: this._thread.sending,
      onReview: () => {
        const next = open[this._next++ % open.length];
        this._scrollTo(next, true);
        next.reveal();
      },
      onSettle: keep => this._settle(keep),
      onOpen: this._open
    });
  }

  private readonly _thread: Thread;
  private readonly _view: IView;
  private readonly _bar: BarWidget;
  private readonly _detach: () => void;
  private readonly _reviews = new Map<IInterrupt, CellReview>();
  private _next = 0;
  private _frame = 0;
  private _problem = '';
  private _disposed = false;
}
