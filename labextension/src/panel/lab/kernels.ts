/** What a person can do about a notebook's kernel from a card: start one, and fill it again. */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IKernels } from '../../core/host';

const OURS = /^\s*%%?lobu\b/m; // would ask the agent again

/** ``open``: shows the notebook at a path, which starts its kernel. */
export function labKernels(
  notebooks: INotebookTracker,
  open: (path: string) => Promise<unknown>
): IKernels {
  const around = (element: HTMLElement, path?: string | null): NotebookPanel | null => {
    const holds = notebooks.find(panel => panel.node.contains(element));
    const named = path ? notebooks.find(panel => panel.context.localPath === path) : undefined;
    return holds ?? named ?? (path ? null : notebooks.currentWidget);
  };
  return {
    start: async (element, path) => {
      const panel = around(element, path);
      if (panel === null) {
        await (path && open(path));
        return;
      }
      const { sessionContext } = panel;
      const name = panel.model?.defaultKernelName || sessionContext.kernelPreference.name;
      await sessionContext.shutdown(); // the server's session went with its kernel
      await sessionContext.changeKernel(name ? { name } : undefined);
    },
    runAbove: async (element, path) => {
      const panel = around(element, path);
      if (panel === null) {
        return;
      }
      const { NotebookActions } = await import('@jupyterlab/notebook');
      const { content, sessionContext } = panel;
      const at = content.widgets.findIndex(cell => cell.node.contains(element));
      const above = content.widgets
        .slice(0, at < 0 ? content.activeCellIndex + 1 : at)
        .filter(cell => !OURS.test(cell.model.sharedModel.getSource()));
      await NotebookActions.runCells(content, above, sessionContext);
    }
  };
}
