/**
 * Open tabs follow their files: what an agent wrote is read again, so that nobody goes on with old text.
 *
 * A tab with unsaved changes is left as it is. JupyterLab asks its person when they save.
 */
import { Contents } from '@jupyterlab/services';

const SETTLE_MS = 300; // several changes at once are looked at once
const CLOCKS_MS = 500; // by which a file's time may be off

/** The part of a document's context that is needed; `@jupyterlab/docregistry` has the whole. */
export interface IOpenFile {
  readonly path: string;
  readonly isReady: boolean;
  readonly isDisposed: boolean;
  readonly contentsModel: { last_modified: string } | null;
  readonly model: { readonly dirty: boolean; readonly collaborative?: boolean };
  revert(): Promise<void>;
}

/** Look at the open files whenever `changed` calls, and when the window gets the focus. */
export function followFiles(
  widgets: () => Iterable<unknown>,
  contents: Pick<Contents.IManager, 'get'>,
  changed: (listener: () => void) => unknown
): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(widgets(), contents), SETTLE_MS);
  };
  changed(soon);
  window.addEventListener('focus', soon);
}

/** Read each open file again that is newer on the server and has no unsaved changes. */
export async function refresh(
  widgets: Iterable<unknown>,
  contents: Pick<Contents.IManager, 'get'>
): Promise<void> {
  const files = new Set([...widgets].map(contextOf).filter(file => file !== null));
  await Promise.all([...files].map(file => refreshOne(file, contents)));
}

async function refreshOne(
  file: IOpenFile,
  contents: Pick<Contents.IManager, 'get'>
): Promise<void> {
  const known = file.contentsModel?.last_modified;
  if (known === undefined || isLeft(file)) {
    return;
  }
  try {
    const { last_modified: now } = await contents.get(file.path, { content: false });
    if (Date.parse(now) > Date.parse(known) + CLOCKS_MS && !isLeft(file)) {
      await file.revert();
    }
  } catch {
    // It is gone or cannot be read: its tab stays as it is, and JupyterLab says so when it is saved.
  }
}

function isLeft(file: IOpenFile): boolean {
  return !file.isReady || file.isDisposed || file.model.dirty || file.model.collaborative === true;
}

function contextOf(widget: unknown): IOpenFile | null {
  const context = (widget as { context?: Partial<IOpenFile> }).context;
  const isFile = typeof context?.revert === 'function' && typeof context.path === 'string';
  return isFile ? (context as IOpenFile) : null;
}
