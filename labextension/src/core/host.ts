/** What the surroundings of a view offer it; each has a plain stand-in. */

import { IMade, IOutput, Json } from './wire';

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

/** What comes with the code of a new cell: what it showed when an agent ran it, or the person's cursor. */
export interface INewCell {
  outputs?: IOutput[];
  /** The call that ran it; the cell's metadata keeps it, as `lobu`. */
  made?: IMade;
  edit?: boolean;
}

/** Renderers of the surroundings, for outputs that none of ours shows. */
export interface IDrawing {
  /** The richest of these data that can be drawn without trusting it, or null. */
  drawable(data: { [mime: string]: Json }): string | null;
  /** Draw it in `element`; the answer takes it away. */
  draw(mime: string, data: { [mime: string]: Json }, element: HTMLElement): Promise<() => void>;
  /** Can live widgets be shown at `element`? */
  hasWidgets(element: HTMLElement): boolean;
  drawWidget(data: { [mime: string]: Json }, element: HTMLElement): Promise<() => void>;
  /** Put code into a new cell of the notebook; false: there is none that may be changed. */
  addCell(code: string, element: HTMLElement, more?: INewCell): boolean;
}

/** The kernel of a notebook: the one around `element`, else the one at `path`, else the one in front. */
export interface IKernels {
  /** Start one, as the notebook's own button does. */
  start(element: HTMLElement, path?: string | null): Promise<void>;
  /** Run the cells above, but for those that would ask the agent again. */
  runAbove(element: HTMLElement, path?: string | null): Promise<void>;
}

export interface IHost {
  trans: ITrans;
  drawing?: IDrawing;
  kernels?: IKernels;
  /** Set the math of an element whose text holds TeX between dollars. */
  typeset?: (element: HTMLElement) => void;
  /** A block of an answer is whole: give it what the surroundings offer. */
  decorate?: (element: HTMLElement) => void;
  /** How an open notebook names the cell of that id: `cell [2]`; null where none has it open. */
  cellName?: (id: string) => string | null;
  /** The id of the cell that shows the code of a call, in an open notebook; null: none does. */
  cellOf?: (callId: string) => string | null;
  /** Bring the cell of that id, in an open notebook, before the person. */
  showCell?: (id: string) => void;
  /** A code editor; without one a text area serves. */
  editor?: (options: IEditorOptions) => IEditor;
}

export const plainTrans: ITrans = {
  __: (text, ...args) =>
    text.replace(/%(\d)/g, (whole, n: string) => String(args[Number(n) - 1] ?? whole))
};

export const plainHost: IHost = { trans: plainTrans };
