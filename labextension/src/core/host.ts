/** What the surroundings of a view offer it; each has a plain stand-in. */

/** Translations: `%1` … are the arguments, as in JupyterLab's TranslationBundle. */
export interface ITrans {
  __(text: string, ...args: (string | number)[]): string;
}

/** An editor for code in an element. */
export interface IEditor {
  focus(): void;
  dispose(): void;
}

export interface IEditorOptions {
  host: HTMLElement;
  value: string;
  mimeType: string;
  label: string;
  onChange: (value: string) => void;
}

export interface IHost {
  trans: ITrans;
  /** Set the math of an element whose text holds TeX between dollars. */
  typeset?: (element: HTMLElement) => void;
  /** A block of an answer is whole: give it what the surroundings offer. */
  decorate?: (element: HTMLElement) => void;
  /** A code editor; without one a text area serves. */
  editor?: (options: IEditorOptions) => IEditor;
}

export const plainTrans: ITrans = {
  __: (text, ...args) =>
    text.replace(/%(\d)/g, (whole, n: string) => String(args[Number(n) - 1] ?? whole))
};

export const plainHost: IHost = { trans: plainTrans };
