/** The notebooks that this page has open, offered to the server for agents to read and change. */
import { INotebookTracker, NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { Socket } from '../../core/socket';
import { INotebookRequest, JsonObject } from '../../core/wire';
import { change, read } from './edits';
import { several } from './steps';

const CLOCKS_MS = 500; // by which a file's time may be off

/** Offer them from now on; `contents` knows what became of their files. */
export function offerNotebooks(
  socket: Socket,
  notebooks: INotebookTracker,
  contents: Contents.IManager
): void {
  const pathOf = (panel: NotebookPanel): string => contents.localPath(panel.context.path);
  const isOurs = (panel: NotebookPanel): boolean =>
    panel.context.isReady && !panel.isDisposed && isOnServer(panel, contents);
  const offer = (): void => {
    const paths: string[] = [];
    notebooks.forEach(panel => {
      if (isOurs(panel)) {
        paths.push(pathOf(panel));
      }
    });
    socket.offer(paths, answer);
  };
  const answer = async (path: string, request: INotebookRequest): Promise<JsonObject> => {
    const panel = notebooks.find(one => isOurs(one) && pathOf(one) === path);
    const stands = panel ? await standing(panel, contents) : 'closed';
    const model = panel?.content.model;
    if (!panel || panel.isDisposed || !model) {
      return { refused: `${path} was closed at this moment. Nothing was done; try again.` };
    }
    if (request.do === 'ping') {
      return { done: true };
    }
    if (request.do === 'read') {
      return read(model, request);
    }
    if (request.do === 'several' && request.dry) {
      return several(model, request);
    }
    if (model.readOnly || panel.context.contentsModel?.writable === false) {
      return { refused: `${path} may not be changed: it is read-only.` };
    }
    if (stands === 'both changed') {
      return {
        refused:
          `${path} has unsaved changes in the open page, and its file was changed by someone else. ` +
          'Nothing was done: the person has to save or reload it first.'
      };
    }
    return request.do === 'several' ? several(model, request) : change(model, request);
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

const LOADS = /^\s*(?:%load_ext|import|from)\s+lobu_jupyter\b/m;

/** Be told when a cell that loads lobu is run: its agent is asked next. */
export function onLoad(listener: () => void): void {
  NotebookActions.executionScheduled.connect((_, { cell }) => {
    if (LOADS.test(cell.model.sharedModel.getSource())) {
      listener();
    }
  });
}

/** A notebook of this server, not of another drive; live collaboration has a drive of its own for those. */
function isOnServer(panel: NotebookPanel, contents: Contents.IManager): boolean {
  const { context } = panel;
  return contents.driveName(context.path) === '' || context.model.collaborative === true;
}

/**
 * How the open notebook stands to its file. One that only the file's side has changed is read again,
 * as the person would have to before they could save.
 */
async function standing(
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<'same' | 'both changed'> {
  const { context } = panel;
  const known = context.contentsModel?.last_modified;
  if (context.model.collaborative || known === undefined) {
    return 'same';
  }
  const file = await contents.get(context.path, { content: false });
  if (Date.parse(file.last_modified) <= Date.parse(known) + CLOCKS_MS) {
    return 'same';
  }
  if (context.model.dirty) {
    return 'both changed';
  }
  await context.revert();
  return 'same';
}
