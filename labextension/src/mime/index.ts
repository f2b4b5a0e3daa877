/**
 * The JupyterLab plugin that renders cell outputs of `application/vnd.lobu.thread+json`.
 *
 * A whole plugin and not a MIME extension, because it gives its views what the application has: a
 * code editor, a typesetter for math, translations, the notebook around an output.
 */
import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ILatexTypesetter, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
// Small, and needed as soon as a notebook is open; the views are loaded with the first output.
/* eslint-disable jupyter/prefer-lazy-imports */
import { pageOf } from '../core/browser';
import { OUTPUT_MIME } from '../core/wire';
import { labDrawing } from './drawing';
import { labHost } from './host';
import { LobuOutput } from './output';
import { writerOf } from './sharing';
/* eslint-enable jupyter/prefer-lazy-imports */

const RANK = -20; // before a widget's view, which needs its kernel

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'lobu-jupyter:output',
  description: 'Shows what an agent does, and asks, in the cell output of %lobu.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [IEditorServices, ILatexTypesetter, ITranslator, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    editors: IEditorServices | null,
    latex: ILatexTypesetter | null,
    translator: ITranslator | null,
    notebooks: INotebookTracker | null
  ) => {
    const page = pageOf(app.serviceManager.serverSettings);
    const trans = (translator ?? nullTranslator).load('lobu_jupyter');
    page.host = {
      ...page.host,
      ...labHost(trans, editors, latex, labDrawing(rendermime, notebooks))
    };
    rendermime.addFactory(
      {
        safe: true, // sanitized here: an untrusted notebook shows it too
        mimeTypes: [OUTPUT_MIME],
        defaultRank: RANK,
        createRenderer: () => new LobuOutput(page, node => writerOf(node, notebooks))
      },
      RANK
    );
    // An open page is where questions can be answered; the server counts them.
    notebooks?.widgetAdded.connect(() => page.socket.hold(), plugin);
  }
};

export default plugin;
