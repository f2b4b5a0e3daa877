/** What JupyterLab offers to the views. */
import { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { ILatexTypesetter } from '@jupyterlab/rendermime';
import { TranslationBundle } from '@jupyterlab/translation';
import { IDrawing, IEditor, IEditorOptions, IHost, ITrans } from '../core/host';

export function labHost(
  bundle: TranslationBundle,
  editors: IEditorServices | null,
  latex: ILatexTypesetter | null,
  drawing?: IDrawing
): IHost {
  return {
    trans: labTrans(bundle),
    drawing,
    ...(latex ? { typeset: element => void latex.typeset(element) } : {}),
    ...(editors ? { editor: options => labEditor(editors, options) } : {})
  };
}

/** Translations of a bundle. */
export function labTrans(bundle: TranslationBundle): ITrans {
  return { __: (text, ...args) => bundle.__(text, ...args.map(String)) };
}

function labEditor(services: IEditorServices, options: IEditorOptions): IEditor {
  const model = new CodeEditor.Model({ mimeType: options.mimeType });
  model.sharedModel.setSource(options.value);
  const editor = services.factoryService.newInlineEditor({
    host: options.host,
    model,
    config: { lineNumbers: false, lineWrap: true }
  });
  editor.host.querySelector('[contenteditable]')?.setAttribute('aria-label', options.label);
  const tell = (): void => options.onChange(model.sharedModel.getSource());
  model.sharedModel.changed.connect(tell);
  return {
    focus: () => editor.focus(),
    dispose: () => {
      model.sharedModel.changed.disconnect(tell);
      editor.dispose();
      model.dispose();
    }
  };
}
