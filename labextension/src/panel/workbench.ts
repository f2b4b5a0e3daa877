/**
 * What the panel needs of the application around it: the notebook in front, its cells, menus.
 *
 * JupyterLab's is in lab/workbench.ts; the tests have another. Whatever is to act on an open
 * notebook (tools of the agent too) goes through here.
 */
import { IContext, ISuggestion } from './model/completion';

/** The notebook that the person works in. */
export interface INotebook {
  /** As the server knows it. */
  path: string;
  name: string;
  kernelId: string | null;
  /** The active cell. */
  cellId?: string;
}

/** Where code goes in the notebook in front. */
export type Place = 'above' | 'below' | 'replace';

/** A file of the computer or the notebook that goes with a message. */
export interface IAttached {
  name: string;
  /** Text, as context; or a picture as a data URL. */
  context?: IContext;
  image?: string;
}

export interface IWorkbench {
  /** The notebook in front, or null. */
  notebook(): INotebook | null;
  /** Be told when another one comes to the front, or its kernel or path changes. */
  onNotebook(listener: () => void): () => void;
  /** Open a notebook or file. */
  open(path: string): void;
  /** The menu of a thread, at a point of the page. */
  menu(threadId: string, x: number, y: number): void;
  /** What `@word` may become here: cells, variables with type and shape, files; each as soon as it is known. */
  suggest(word: string): Promise<ISuggestion[]>[];
  /** What a mention means now, or null: nothing here. */
  resolve(mention: string): Promise<IContext | null>;
  /** What can be asked about the notebook in front, of what is in it. */
  ideas(): Promise<string[]>;
  /** Put code into the notebook in front; false: there is none, or it may not be changed. */
  insert(code: string, place: Place): boolean;
  /** What was dropped on the composer. */
  dropped(data: DataTransfer): Promise<IAttached[]>;
}
