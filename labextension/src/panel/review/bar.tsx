/** The bar above a notebook with changes to review: how many there are, and all of them at once. */
import { Widget } from '@lumino/widgets';
import { render, VNode } from 'preact';
import { isByHand } from '../../core/hand';
import { ITrans } from '../../core/host';

export interface IBar {
  /** Changes that are shown in the notebook. */
  changes: number;
  /** Those that are still to decide. */
  left: number;
  /** Actions of the same message that are decided on their cards. */
  others: number;
  problem: string;
  busy: boolean;
  onReview: () => void;
  onSettle: (keep: boolean) => void;
  onOpen: () => void;
}

export class BarWidget extends Widget {
  constructor(private readonly _trans: ITrans) {
    super();
    this.addClass('lobu');
    this.addClass('lobu-review-bar');
    this.node.dataset.lmSuppressShortcuts = 'true';
  }

  draw(bar: IBar): void {
    render(<Bar bar={bar} trans={this._trans} />, this.node);
  }

  override dispose(): void {
    render(null, this.node);
    super.dispose();
  }
}

function Bar(props: { bar: IBar; trans: ITrans }): VNode {
  const { bar, trans } = props;
  const settle = (keep: boolean) => (event: MouseEvent) => isByHand(event) && bar.onSettle(keep);
  const words =
    bar.changes === 1 ? trans.__('1 cell changed') : trans.__('%1 cells changed', bar.changes);
  const others =
    bar.others === 1
      ? trans.__('1 more action needs approval')
      : trans.__('%1 more actions need approval', bar.others);
  return (
    <div class="lobu-review-row" role="group" aria-label={trans.__('Changes to review')}>
      <strong>{words}</strong>
      {bar.left > 0 && (
        <>
          <button type="button" class="lobu-button" onClick={bar.onReview}>
            {trans.__('Review')}
          </button>
          <button
            type="button"
            class="lobu-button lobu-primary"
            disabled={bar.busy}
            onClick={settle(true)}
          >
            {trans.__('Keep all')}
          </button>
          <button type="button" class="lobu-button" disabled={bar.busy} onClick={settle(false)}>
            {trans.__('Undo all')}
          </button>
        </>
      )}
      {bar.others > 0 && (
        <button type="button" class="lobu-button lobu-quiet" onClick={bar.onOpen}>
          {others}
        </button>
      )}
      {bar.problem && (
        <span class="lobu-problem" role="alert">
          {bar.problem}
        </span>
      )}
    </div>
  );
}
