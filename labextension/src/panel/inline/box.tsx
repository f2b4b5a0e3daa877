/**
 * The box at a cell in which a person says what the cell should do. The agent's proposal is reviewed in the cell, as each
 * of its changes.
 */
import { Cell } from '@jupyterlab/cells';
import { NotebookPanel } from '@jupyterlab/notebook';
import { PanelLayout, Widget } from '@lumino/widgets';
import { render, VNode } from 'preact';
import { argsOf } from '../../core/decide';
import { isByHand } from '../../core/hand';
import { aboutCell, nameOf } from '../lab/about';
import { locksOf } from '../lab/edits';
import { askAbout, IAsked } from '../model/about';
import { PanelModel } from '../model/panel';
import { drawn } from '../review/cell';

export interface IInlineOptions {
  panel: NotebookPanel;
  cell: Cell;
  model: PanelModel;
  /** Show the chat beside the notebook. */
  showBeside: () => void;
}

/** What became of the message. */
type Stage = 'writing' | 'working' | 'ended';

export class InlineBox extends Widget {
  constructor(private readonly _options: IInlineOptions) {
    super();
    for (const name of ['lobu', 'lobu-inline', 'lobu-inline-box']) {
      this.addClass(name);
    }
    this.node.dataset.lmSuppressShortcuts = 'true';
    this._name = nameOf(_options.panel, this.cell, this._trans);
    const why = locksOf(this.cell.model.sharedModel).edit;
    if (why) {
      this._stage = 'ended';
      this._said = this._trans.__('This cell cannot be changed: %1.', why);
    }
    void this._place();
  }

  get cell(): Cell {
    return this._options.cell;
  }

  focus(): void {
    this.node.querySelector<HTMLElement>('textarea, button')?.focus();
  }

  /** Close it, and go back to the cell. */
  override close(): void {
    const { panel } = this._options;
    const back = this.node.contains(document.activeElement);
    this.dispose();
    if (back && !panel.isDisposed) {
      panel.content.activeCellIndex = panel.content.widgets.indexOf(this.cell);
      panel.content.activate();
    }
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._unwatch();
      render(null, this.node);
      super.dispose();
    }
  }

  private get _trans(): PanelModel['page']['host']['trans'] {
    return this._options.model.page.host.trans;
  }

  /** Above the cell's text, once the cell is drawn. */
  private async _place(): Promise<void> {
    if (!(await drawn(this.cell)) || this.isDisposed) {
      this.dispose();
      return;
    }
    const layout = this.cell.layout as PanelLayout;
    const at = layout.widgets.findIndex(one => one.hasClass('jp-Cell-inputWrapper'));
    layout.insertWidget(Math.max(at, 0), this);
    this._draw();
    this.focus();
  }

  private async _send(text: string): Promise<void> {
    const { model } = this._options;
    if (this._stage !== 'writing' || !text.trim()) {
      return;
    }
    this._stage = 'working';
    this._said = this._trans.__('Working…');
    this._draw();
    const [cell, ...rest] = aboutCell(this.cell, this._name);
    const how = `${cell.description}. Change this cell with edit_cell, and no other.`;
    const asked = await askAbout(model, text.trim(), [{ ...cell, description: how }, ...rest]);
    if (this.isDisposed) {
      return;
    }
    if (asked === null) {
      const why = model.problem || model.thread?.problem;
      this._end(why || this._trans.__('It could not be sent. Try again.'), 'writing');
      return;
    }
    this._unwatch = asked.thread.attach(() => this._look(asked));
    this._look(asked);
  }

  /** Is there a proposal, or will there be none? */
  private _look({ thread, runId }: IAsked): void {
    const { state } = thread;
    const run = state.runs.find(one => one.runId === runId);
    if (this.isDisposed || run === undefined || run.status === 'running') {
      return;
    }
    const asks = state.interrupts.filter(one => one.runId === runId);
    if (asks.some(one => argsOf(one).cell === this.cell.model.id)) {
      this.close();
    } else if (asks.length > 0) {
      this._end(this._trans.__('The agent asks something in the chat.'));
    } else {
      const said = this._trans.__('The agent proposed no change. Its answer is in the chat.');
      this._end(run.error?.message ?? said);
    }
  }

  private _end(said: string, stage: Stage = 'ended'): void {
    this._unwatch();
    this._stage = stage;
    this._said = said;
    this._draw();
  }

  private _draw(): void {
    render(<Form box={this} />, this.node);
  }

  /** What its form shows. */
  get form(): {
    label: string;
    stage: Stage;
    said: string;
    trans: PanelModel['page']['host']['trans'];
    send: (text: string) => void;
    showBeside: () => void;
  } {
    return {
      label: this._trans.__('Generate or change %1', this._name),
      stage: this._stage,
      said: this._said,
      trans: this._trans,
      send: text => void this._send(text),
      showBeside: this._options.showBeside
    };
  }

  private readonly _name: string;
  private _stage: Stage = 'writing';
  private _said = '';
  private _unwatch: () => void = () => undefined;
}

function Form(props: { box: InlineBox }): VNode {
  const { box } = props;
  const { label, stage, said, trans, send, showBeside } = box.form;
  const area = { current: null as HTMLTextAreaElement | null };
  return (
    <div
      class="lobu-inline-form"
      role="group"
      aria-label={label}
      onKeyDown={event => {
        event.stopPropagation(); // what is typed here is no shortcut
        if (event.key === 'Escape') {
          box.close();
        } else if (
          event.key === 'Enter' &&
          !event.shiftKey &&
          !event.isComposing &&
          event.target === area.current
        ) {
          event.preventDefault();
          if (isByHand(event)) {
            send(area.current?.value ?? '');
          }
        }
      }}
    >
      {stage === 'writing' && (
        <textarea
          rows={1}
          aria-label={label}
          placeholder={trans.__('What should this cell do? Enter sends, Esc closes')}
          ref={element => {
            area.current = element;
          }}
        />
      )}
      <span class={said ? 'lobu-inline-said' : ''} role="status">
        {said}
      </span>
      {stage === 'writing' && (
        <button
          type="button"
          class="lobu-button lobu-primary"
          onClick={event => isByHand(event) && send(area.current?.value ?? '')}
        >
          {trans.__('Send')}
        </button>
      )}
      {stage !== 'writing' && (
        <button type="button" class="lobu-button lobu-quiet" onClick={showBeside}>
          {trans.__('Show in chat')}
        </button>
      )}
      <button type="button" class="lobu-button" onClick={() => box.close()}>
        {trans.__('Close')}
      </button>
    </div>
  );
}
