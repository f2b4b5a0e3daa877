/** The sidebar's widget: it loads and draws the panel when it is first shown. */
import { LabIcon } from '@jupyterlab/ui-components';
import type { Drag } from '@lumino/dragdrop';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { PanelModel } from '../model/panel';
import { attachedOf, isDroppable } from './dragged';

export const PANEL_ID = 'lobu-panel';

export const lobuIcon = new LabIcon({
  name: 'lobu:panel',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">' +
    '<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-7l-5 4v-4H4' +
    'a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm4 6a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zm8 0a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z"/>' +
    '</svg>'
});

const DRAGS = ['lm-dragenter', 'lm-dragover', 'lm-drop'];

export class PanelWidget extends Widget {
  constructor(private readonly _model: PanelModel) {
    super();
    this.id = PANEL_ID;
    this.addClass('lobu-panel-widget');
    this.title.icon = lobuIcon;
    this._title();
    _model.list.watch(() => this._title());
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this._draw();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    for (const name of DRAGS) {
      this.node.addEventListener(name, this);
    }
    window.addEventListener('resize', this._refit);
    if (this.isVisible) {
      void this._draw();
    }
  }

  /** Cells of a notebook and files of the file browser may be dropped on the panel. */
  handleEvent(event: Event): void {
    const drag = event as Drag.Event;
    if (!isDroppable(drag.mimeData)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (event.type !== 'lm-dragenter') {
      drag.dropAction = 'copy';
    }
    if (event.type === 'lm-drop') {
      void this._model.attempt(async () =>
        this._model.attach(await attachedOf(drag.mimeData, this._model.workbench))
      );
    }
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._end();
  }

  protected override onBeforeDetach(message: Message): void {
    this._end();
    for (const name of DRAGS) {
      this.node.removeEventListener(name, this);
    }
    window.removeEventListener('resize', this._refit);
    super.onBeforeDetach(message);
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    if (this._model.quiet) {
      this._model.quiet = false;
      this._model.focusWanted = 0;
    } else {
      this._model.focus();
    }
  }

  /** What is hidden is not drawn: the model keeps all that must stay. */
  private async _draw(): Promise<void> {
    const { mountPanel } = await import('../view/root');
    if (this.isVisible && !this.isDisposed && this._unmount === null) {
      this._unmount = mountPanel(this.node, this._model);
    }
  }

  private _end(): void {
    this._unmount?.();
    this._unmount = null;
  }

  private _title(): void {
    const { trans } = this._model.page.host;
    const { length } = this._model.list.waiting;
    this.title.caption =
      length > 0 ? trans.__('Agents: %1 need approval', length) : trans.__('Agents');
    if (this.title.dataset['lobu-waiting'] !== (length > 0 ? String(length) : undefined)) {
      this.title.dataset = length > 0 ? { 'lobu-waiting': String(length) } : {};
    }
  }

  /** Its limits are parts of the window's width; the sidebar reads them only when it is fitted. */
  private readonly _refit = (): void => this.parent?.fit();
  private _unmount: (() => void) | null = null;
}
