/**
 * Outputs of `%lobu` that a notebook lost because it was not saved: each comes back into its cell.
 *
 * The server knows which cell asked for a run. A run that began after the file was saved cannot be in it. What a person
 * cleared and saved stays away.
 */
import { ICodeCellModel } from '@jupyterlab/cells';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { Api, IRun } from '../../core/api';
import { OUTPUT_MIME } from '../../core/wire';

const OURS = /^\s*%%?lobu\b/m;
const MOST_THREADS = 10; // the ones used last

/** Look at each notebook once, when it has been opened. */
export function bringBackOutputs(
  api: Api,
  notebooks: INotebookTracker,
  contents: Contents.IManager
): void {
  const look = (panel: NotebookPanel): void =>
    void panel.context.ready.then(() => bringBack(api, panel, contents)).catch(() => undefined);
  notebooks.forEach(look);
  notebooks.widgetAdded.connect((_, panel) => look(panel));
}

async function bringBack(
  api: Api,
  panel: NotebookPanel,
  contents: Contents.IManager
): Promise<void> {
  const { context } = panel;
  const saved = Date.parse(context.contentsModel?.last_modified ?? '');
  const path = contents.localPath(context.path);
  if (cellsOf(panel).length === 0 || isLeft(panel, contents) || Number.isNaN(saved)) {
    return;
  }
  const runs = await runsSince(api, path, saved);
  if (isLeft(panel, contents)) {
    return;
  }
  for (const cell of cellsOf(panel)) {
    const run = runs.find(one => one.cellId === cell.id);
    if (run !== undefined && !shows(cell, run)) {
      put(cell, run);
    }
  }
}

/** The runs of cells of a notebook that began after `saved`, the newest first. */
async function runsSince(api: Api, path: string, saved: number): Promise<IRun[]> {
  const threads = await api.threads({ notebookPath: path, limit: MOST_THREADS });
  const used = threads.filter(one => Date.parse(one.updatedAt ?? '') > saved);
  const runs = await Promise.all(used.map(one => api.runs({ threadId: one.threadId })));
  return runs
    .flat()
    .filter(run => run.cellId && Date.parse(run.createdAt) > saved)
    .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
}

function cellsOf(panel: NotebookPanel): ICodeCellModel[] {
  return [...(panel.content.model?.cells ?? [])].filter(
    (cell): cell is ICodeCellModel =>
      cell.type === 'code' && OURS.test(cell.sharedModel.getSource())
  );
}

/** Not ours to write: of another drive, read-only, closed, or kept by live collaboration. */
function isLeft(panel: NotebookPanel, contents: Contents.IManager): boolean {
  const { context } = panel;
  return (
    panel.isDisposed ||
    contents.driveName(context.path) !== '' ||
    context.model.collaborative === true ||
    context.model.readOnly ||
    context.contentsModel?.writable === false
  );
}

function shows(cell: ICodeCellModel, run: IRun): boolean {
  return cell.outputs.toJSON().some(output => {
    const data = (output.data as { [mime: string]: unknown } | undefined)?.[OUTPUT_MIME];
    return (data as { runId?: string } | undefined)?.runId === run.runId;
  });
}

/** The output as `%lobu` gives it: a view of the run, and its prompt where no view can be drawn. */
function put(cell: ICodeCellModel, run: IRun): void {
  const { threadId, runId, prompt = '' } = run;
  cell.outputs.clear();
  cell.outputs.add({
    output_type: 'display_data',
    data: {
      [OUTPUT_MIME]: { version: 1, threadId, runId, prompt, cursor: 0 },
      'text/plain': `> ${prompt}`
    },
    metadata: {}
  });
}
