/**
 * JupyterLab's own renderers, for outputs of agent code in cards.
 *
 * Such an output is as untrusted as one in a notebook from elsewhere: only renderers that JupyterLab
 * takes for safe draw it by themselves. A live widget can act in the page as the person, as a cell
 * that they run: it is drawn when they ask for it.
 */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { IDrawing, INewCell } from '../core/host';
import { IOutput, Json, OUTPUT_MIME, WIDGET_MIME } from '../core/wire';

const JSON_MIME = /^application\/(?!json$|javascript$)[\w.+-]+$/;
const OWN = /^application\/vnd\.(lobu|jupyter|bokehjs)/; // no card poses as ours; widgets are asked for

type Data = { [mime: string]: Json };

export function labDrawing(
  rendermime: IRenderMimeRegistry,
  notebooks: INotebookTracker | null
): IDrawing {
  const around = (element: HTMLElement): NotebookPanel | null =>
    notebooks?.find(panel => panel.node.contains(element)) ?? notebooks?.currentWidget ?? null;
  const ofWidgets = (element: HTMLElement): IRenderMimeRegistry | null => {
    const registry = around(element)?.content.rendermime ?? null;
    return registry?.getFactory(WIDGET_MIME) ? registry : null;
  };
  return {
    drawable: data =>
      rendermime.mimeTypes.find(
        mime =>
          mime in data &&
          mime !== OUTPUT_MIME &&
          JSON_MIME.test(mime) &&
          !OWN.test(mime) &&
          rendermime.getFactory(mime)?.safe === true
      ) ?? null,
    draw: (mime, data, element) => attached(rendermime, mime, data, element),
    hasWidgets: element => ofWidgets(element) !== null,
    drawWidget: (data, element) => {
      const registry = ofWidgets(element);
      return registry === null
        ? Promise.resolve(() => undefined)
        : attached(registry, WIDGET_MIME, data, element);
    },
    addCell: (code, element, more) => addCell(around(element), code, element, more)
  };
}

/** Draw it untrusted, without metadata: some renderers take options of theirs out of it. */
async function attached(
  registry: IRenderMimeRegistry,
  mime: string,
  data: Data,
  element: HTMLElement
): Promise<() => void> {
  const [{ MimeModel }, { Widget }] = await Promise.all([
    import('@jupyterlab/rendermime'),
    import('@lumino/widgets')
  ]);
  const renderer: IRenderMime.IRenderer = registry.createRenderer(mime);
  if (!element.isConnected) {
    renderer.dispose();
    return () => undefined;
  }
  Widget.attach(renderer, element);
  const model = new MimeModel({ trusted: false, data: { [mime]: data[mime] } });
  await renderer.renderModel(model);
  return () => renderer.dispose();
}

/**
 * Put code into a cell of its own, which the person may run: below the cell that shows `element`, else below the active
 * one. Outputs that come with it are not trusted, as none that an agent's request brings.
 */
function addCell(
  panel: NotebookPanel | null,
  code: string,
  element: HTMLElement,
  more: INewCell = {}
): boolean {
  const notebook = panel?.content;
  const model = notebook?.model;
  if (!notebook || !model || model.readOnly) {
    return false;
  }
  const around = notebook.widgets.findIndex(cell => cell.node.contains(element));
  const index = (around < 0 ? notebook.activeCellIndex : around) + 1;
  model.sharedModel.insertCell(index, {
    cell_type: 'code',
    source: code,
    metadata: more.made ? { lobu: more.made } : {},
    outputs: (more.outputs ?? []).map(kept)
  } as Parameters<typeof model.sharedModel.insertCell>[1]);
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  if (more.edit) {
    notebook.mode = 'edit';
  }
  return true;
}

/** An output as a notebook keeps it; none of ours, which would be a transcript of another cell. */
function kept(output: IOutput): IOutput & { execution_count?: null; metadata?: object } {
  if (output.output_type === 'stream' || output.output_type === 'error') {
    return { ...output };
  }
  const data = { ...output.data };
  delete data[OUTPUT_MIME];
  const result = output.output_type === 'execute_result' ? { execution_count: null } : {};
  return { output_type: output.output_type, data, metadata: {}, ...result };
}
