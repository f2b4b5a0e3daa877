/** The status bar's item: how much waits on the person; it opens the inbox. */
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { PanelModel } from '../model/panel';

export class StatusItem extends Widget {
  constructor(
    private readonly _model: PanelModel,
    open: () => void
  ) {
    super();
    this._button.type = 'button';
    this._button.className = 'lobu-status-item';
    this._button.addEventListener('click', open);
    this.node.appendChild(this._button);
    _model.list.watch(() => this._show());
    this._show();
  }

  /** Shown only while something waits. */
  readonly activeChanged = new Signal<this, void>(this);

  get active(): boolean {
    return this._count > 0;
  }

  private _show(): void {
    const { length } = this._model.list.waiting;
    const { trans } = this._model.page.host;
    this._button.textContent = trans.__('Agents: %1 need approval', length);
    this._button.title = trans.__('Show pending approvals');
    if (this._count !== length) {
      this._count = length;
      this.activeChanged.emit();
    }
  }

  private _count = 0;
  private readonly _button = document.createElement('button');
}
