/** Starts the review of changes in the notebooks that are open; what draws it is loaded with the first one. */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { IWaiting } from '../../core/wire';
import { PanelModel } from '../model/panel';
import type { Review } from '../review/review';

const CHANGES = /^(insert|edit|delete)_cell$/;

/** Keep a review for each open notebook whose agent waits with a change of its cells. */
export function reviewChanges(
  model: PanelModel,
  notebooks: INotebookTracker,
  contents: Contents.IManager,
  show: () => void
): void {
  const reviews = new Map<NotebookPanel, Map<string, Review>>();
  const look = async (): Promise<void> => {
    const threads = new Set(model.list.waiting.filter(isChange).map(one => one.threadId));
    if (threads.size + reviews.size === 0) {
      return;
    }
    const { Review } = await import('../review/review');
    notebooks.forEach(panel => {
      const known = reviews.get(panel) ?? new Map<string, Review>();
      const path = contents.localPath(panel.context.path);
      const wanted = [...threads].filter(id => model.list.get(id)?.notebookPath === path);
      for (const [id, review] of known) {
        if (!wanted.includes(id)) {
          review.dispose();
          known.delete(id);
        }
      }
      for (const id of wanted.filter(one => panel.context.isReady && !known.has(one))) {
        const open = (): void => {
          show();
          model.open(id);
        };
        known.set(id, new Review(model.page, id, panel, open));
      }
      if (known.size > 0) {
        reviews.set(panel, known);
      } else {
        reviews.delete(panel);
      }
    });
  };
  const soon = (): void => void look();
  model.list.watch(soon);
  const watch = (panel: NotebookPanel): void => {
    panel.context.pathChanged.connect(soon);
    panel.disposed.connect(() => reviews.delete(panel)); // its reviews end with it
    void panel.context.ready.then(soon);
  };
  notebooks.forEach(watch);
  notebooks.widgetAdded.connect((_, panel) => watch(panel));
}

function isChange(waiting: IWaiting): boolean {
  return CHANGES.test(waiting.metadata?.lobu?.toolName ?? waiting.toolName ?? '');
}
