/**
 * Explain and Fix at the traceback: buttons below the outputs of a cell that failed.
 *
 * They stand outside of the outputs and have no id, so that nothing in an output can be one of them or be the label of
 * one. Only a person's own click counts.
 */
import { Cell, CodeCell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { PanelLayout, Widget } from '@lumino/widgets';
import { isByHand } from '../../core/hand';
import { ITrans } from '../../core/host';
import { hasFailed } from './about';

export type Deed = 'explain' | 'fix';
export type Ask = (panel: NotebookPanel, cell: CodeCell, deed: Deed) => Promise<void>;

/** Keep the buttons below each cell that failed, in all open notebooks. */
export function offerHelp(notebooks: INotebookTracker, trans: () => ITrans, ask: Ask): void {
  const known = new WeakSet<Cell>();
  const watch = (panel: NotebookPanel): void => {
    const look = (): void => {
      for (const cell of panel.content.widgets) {
        if (cell instanceof CodeCell && !known.has(cell)) {
          known.add(cell);
          const help = new Help(cell, trans, deed => ask(panel, cell, deed));
          cell.model.outputs.changed.connect(help.look);
          cell.disposed.connect(help.dispose);
          help.look();
        }
      }
    };
    void panel.context.ready.then(() => {
      panel.content.model?.cells.changed.connect(look);
      panel.disposed.connect(() => panel.content.model?.cells.changed.disconnect(look));
      look();
    });
  };
  notebooks.forEach(watch);
  notebooks.widgetAdded.connect((_, panel) => watch(panel));
}

class Help {
  constructor(
    private readonly _cell: CodeCell,
    private readonly _trans: () => ITrans,
    private readonly _ask: (deed: Deed) => Promise<void>
  ) {}

  readonly look = (): void => {
    if (!hasFailed(this._cell)) {
      this._row?.dispose();
      this._row = null;
    } else if (this._row === null) {
      void this._add();
    }
  };

  readonly dispose = (): void => {
    this._row?.dispose();
  };

  /** Below the outputs, once the cell is drawn. */
  private async _add(): Promise<void> {
    const cell = this._cell;
    await cell.ready;
    if (cell.isDisposed || this._row !== null || !hasFailed(cell)) {
      return;
    }
    this._row = new HelpRow(this._trans(), this._ask);
    const layout = cell.layout as PanelLayout;
    const at = layout.widgets.findIndex(one => one.hasClass('jp-Cell-outputWrapper'));
    layout.insertWidget(at < 0 ? layout.widgets.length : at + 1, this._row);
  }

  private _row: Widget | null = null;
}

class HelpRow extends Widget {
  constructor(trans: ITrans, ask: (deed: Deed) => Promise<void>) {
    super();
    for (const name of ['lobu', 'lobu-inline', 'lobu-error-help']) {
      this.addClass(name);
    }
    this.node.dataset.lmSuppressShortcuts = 'true';
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', trans.__('Ask an agent about this error'));
    const buttons = [
      button(trans.__('Explain'), trans.__('Explain this error')),
      button(trans.__('Fix'), trans.__('Propose a change of this cell that fixes the error'))
    ];
    let asking = false; // a second click sends nothing; a disabled button would lose the focus
    buttons.forEach((one, i) => {
      one.addEventListener('click', event => {
        if (isByHand(event) && !asking) {
          asking = true;
          void ask(i === 0 ? 'explain' : 'fix').finally(() => (asking = false));
        }
      });
      this.node.appendChild(one);
    });
  }
}

function button(label: string, title: string): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'lobu-button';
  made.textContent = label;
  made.title = title;
  return made;
}
