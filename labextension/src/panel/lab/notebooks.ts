/** The notebooks that this page has open, offered to the server for agents to read and change. */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { Socket } from '../../core/socket';
import { INotebookRequest, JsonObject } from '../../core/wire';
import { change, read } from './edits';

const CLOCKS_MS = 500; // by which a file's time may be off

/** Offer them from now on; `contents` knows what became of their files. */
export function offerNotebooks(
  socket: Socket,
  notebooks: INotebookTracker,
  contents: Contents.IManager
): void {
  const pathOf = (panel: NotebookPanel): string => contents.localPath(panel.context.path);
  const offer = (): void => {
    const paths: string[] = [];
    notebooks.forEach(panel => {
      if (panel.context.isReady && !panel.isDisposed) {
        paths.push(pathOf(panel));
      }
    });
    socket.offer(paths, answer);
  };
  const answer = async (path: string, request: INotebookRequest): Promise<JsonObject> => {
    const panel = notebooks.find(one => pathOf(one) === path && one.context.isReady);
    const model = panel?.content.model;
    if (!panel || !model) {
      return { refused: `${path} was closed at this moment. Try again.` };
    }
    if (request.do === 'read') {
      return read(model, request.cell);
    }
    if (model.readOnly || panel.context.contentsModel?.writable === false) {
      return { refused: `${path} may not be changed: it is read-only.` };
    }
    if (await isOvertaken(panel, contents)) {
      return {
        refused:
          `${path} has unsaved changes in the open page, and its file was changed by someone else. ` +
          'Nothing was done: the person has to save or reload it first.'
      };
    }
    return change(model, request);
  };
  const watch = (panel: NotebookPanel): void => {
    panel.context.pathChanged.connect(offer);
    panel.disposed.connect(offer);
    void panel.context.ready.then(offer);
  };
  notebooks.forEach(watch);
  notebooks.widgetAdded.connect((_, panel) => watch(panel));
  window.addEventListener('focus', offer); // of several pages the one in front is asked
  offer();
}

/** Both the open notebook and its file have changed since they were the same. */
async function isOvertaken(panel: NotebookPanel, contents: Contents.IManager): Promise<boolean> {
  const { context } = panel;
  const known = context.contentsModel?.last_modified;
  if (!context.model.dirty || context.model.collaborative || known === undefined) {
    return false;
  }
  const file = await contents.get(context.path, { content: false });
  return Date.parse(file.last_modified) > Date.parse(known) + CLOCKS_MS;
}
