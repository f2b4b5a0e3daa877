/** JupyterLab's (and Notebook 7's) workbench: notebooks from the tracker, menus of its commands. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Menu } from '@lumino/widgets';
import { ITrans } from '../../core/host';
import { IContext, ISuggestion } from '../model/completion';
import { IAttached, INotebook, IWorkbench, Place } from '../workbench';
import { dropped } from './dropped';
import { CommandIDs } from './ids';
import { Mentions } from './mentions';

export class LabWorkbench implements IWorkbench {
  constructor(
    protected readonly app: JupyterFrontEnd,
    protected readonly notebooks: INotebookTracker | null,
    trans: () => ITrans
  ) {
    this._mentions = new Mentions(() => this.current, app.serviceManager.contents, trans);
    notebooks?.currentChanged.connect(() => this._changed());
    notebooks?.widgetAdded.connect((_, panel) => {
      panel.sessionContext.kernelChanged.connect(() => this._changed());
      panel.context.pathChanged.connect(() => this._changed());
    });
  }

  notebook(): INotebook | null {
    const panel = this.current;
    if (panel === null) {
      return null;
    }
    const path = this.app.serviceManager.contents.localPath(panel.context.path);
    const name = path.slice(path.lastIndexOf('/') + 1);
    const kernelId = panel.sessionContext.session?.kernel?.id ?? null;
    return { path, name, kernelId, cellId: panel.content.activeCell?.model.id };
  }

  onNotebook(listener: () => void): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  open(path: string): void {
    void this.app.commands.execute('docmanager:open', { path });
  }

  menu(threadId: string, x: number, y: number): void {
    const menu = new Menu({ commands: this.app.commands });
    for (const command of [
      CommandIDs.rename,
      CommandIDs.archive,
      CommandIDs.saveTest,
      CommandIDs.remove
    ]) {
      menu.addItem({ command, args: { threadId } });
    }
    menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
    menu.open(x, y);
  }

  suggest(word: string): Promise<ISuggestion[]>[] {
    return this._mentions.suggest(word);
  }

  resolve(mention: string): Promise<IContext | null> {
    return this._mentions.resolve(mention);
  }

  ideas(): Promise<string[]> {
    return this._mentions.ideas();
  }

  insert(code: string, place: Place): boolean {
    const notebook = this.current?.content;
    const model = notebook?.model;
    if (!notebook || !model || model.readOnly) {
      return false;
    }
    const at = Math.max(0, notebook.activeCellIndex);
    if (place === 'replace') {
      const cell = notebook.activeCell?.model.sharedModel;
      cell?.transact(() => cell.setSource(code)); // one step of the notebook's undo
      return cell !== undefined;
    }
    const index = place === 'below' ? at + 1 : at;
    model.sharedModel.insertCell(index, { cell_type: 'code', source: code });
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    return true;
  }

  dropped(data: DataTransfer): Promise<IAttached[]> {
    return dropped(data);
  }

  protected get current(): NotebookPanel | null {
    return this.notebooks?.currentWidget ?? null;
  }

  private _changed(): void {
    for (const listener of [...this._listeners]) {
      listener();
    }
  }

  private readonly _listeners = new Set<() => void>();
  private readonly _mentions: Mentions;
}
