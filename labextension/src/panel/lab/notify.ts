/** The browser's notifications: a run waits or has ended while nobody looks at the page. */
import { News } from '../model/list';
import { PanelModel } from '../model/panel';
import { titleOf } from '../view/words';

export class Notifier {
  constructor(
    private readonly _model: PanelModel,
    private readonly _show: () => void
  ) {
    _model.list.onNews = news => this._tell(news);
  }

  /** As the person has set it; the browser is asked for leave once. */
  set wanted(wanted: boolean) {
    this._wanted = wanted && 'Notification' in window;
    if (this._wanted && Notification.permission === 'default') {
      void Notification.requestPermission();
    }
  }

  private _tell({ thread, what }: News): void {
    if (!this._wanted || !document.hidden || Notification.permission !== 'granted') {
      return;
    }
    const { trans } = this._model.page.host;
    const body =
      what === 'waits'
        ? trans.__('The agent needs your approval.')
        : trans.__('The agent has finished.');
    const shown = new Notification(titleOf(thread, trans), { body, tag: thread.threadId });
    shown.onclick = () => {
      window.focus();
      this._show();
      this._model.open(thread.threadId);
      shown.close();
    };
  }

  private _wanted = false;
}
