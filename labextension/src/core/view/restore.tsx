/** Take back what runs changed in cells and files: a preview first, and then just what it showed. */
import { VNode } from 'preact';
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { CallError } from '../api';
import { ITrans } from '../host';
import { text } from '../json';
import { PAUSE_MS } from '../sight';
import { unified } from '../text/diff';
import { visibleLine } from '../text/visible';
import { INamedItem, JsonObject } from '../wire';
import { Diff } from './code';
import { IView } from './view';

/** What is taken back: all since a run began, or one such act, which is made again. */
export type UndoTarget = { runId: string } | { undoId: string };

/** One cell or file of a preview, as `POST threads/{t}/undo` tells it. */
export interface IUndoItem {
  what: 'cell' | 'file';
  path: string;
  state: 'restore' | 'same' | 'conflict' | 'lost';
  number?: number;
  does?: 'change' | 'remove' | 'put back' | 'move';
  why?: string;
  diff?: string;
}

interface IPreview {
  digest: string;
  items: IUndoItem[];
  message: string;
}

/** A button that opens the preview below it. */
export function Restore(props: {
  target: UndoTarget;
  label: string;
  title: string;
  view: Pick<IView, 'page' | 'thread' | 'trans'>;
}): VNode {
  const { target, label, view } = props;
  const { thread, page } = view;
  const [preview, setPreview] = useState<IPreview | null>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const ask = async (digest?: string): Promise<void> => {
    setBusy(true);
    setProblem('');
    page.socket.retry(); // what is restored may be in this page's notebook, which the server must know of
    try {
      const body = digest === undefined ? { ...target } : { ...target, digest };
      const path = `threads/${encodeURIComponent(thread.threadId)}/undo`;
      const answer = await page.api.send<IPreview>('POST', path, body);
      setPreview(digest === undefined ? answer : null);
    } catch (error) {
      setPreview(error instanceof CallError && error.code === 'preview_changed' ? null : preview);
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  const close = (): void => {
    setPreview(null);
    button.current?.focus();
  };
  return (
    <>
      <button
        type="button"
        class="lobu-button lobu-quiet"
        title={props.title}
        aria-expanded={preview !== null}
        disabled={busy || page.socket.connection.state !== 'live'}
        ref={button}
        onClick={() => (preview === null ? void ask() : close())}
      >
        {label}
      </button>
      {problem && (
        <p class="lobu-problem" role="alert">
          {problem}
        </p>
      )}
      {preview !== null && (
        <Preview
          preview={preview}
          label={label}
          view={view}
          busy={busy}
          onRestore={() => void ask(preview.digest)}
          onClose={close}
        />
      )}
    </>
  );
}

function Preview(props: {
  preview: IPreview;
  label: string;
  view: Pick<IView, 'page' | 'trans'>;
  busy: boolean;
  onRestore: () => void;
  onClose: () => void;
}): VNode {
  const { preview, view } = props;
  const { trans } = view;
  const items = preview.items.filter(item => item.state !== 'same');
  const restored = items.filter(item => item.state === 'restore').length;
  const early = useEarly(view);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => root.current?.focus(), []);
  return (
    <div
      class="lobu-restore"
      role="group"
      aria-label={props.label}
      tabIndex={-1}
      ref={root}
      data-lm-suppress-shortcuts="true"
      onKeyDown={event => event.key === 'Escape' && props.onClose()}
    >
      {items.length === 0 && <p>{trans.__('Nothing to restore: all of it is as it was.')}</p>}
      <ul>
        {items.map((item, i) => (
          <li key={i} class={`lobu-restore-${item.state}`}>
            <strong>{titleOf(item, trans)}</strong> {wordsOf(item, trans)}
            {item.why && <p class="lobu-warning">{visibleLine(item.why)}</p>}
            {item.diff && <Diff lines={unified(item.diff, trans)} label={trans.__('Changes')} />}
          </li>
        ))}
      </ul>
      <p class="lobu-notice">{preview.message}</p>
      <div class="lobu-restore-buttons">
        {restored > 0 && (
          <button
            type="button"
            class="lobu-button lobu-primary"
            disabled={props.busy || early}
            onClick={props.onRestore}
          >
            {restored === 1 ? trans.__('Restore') : trans.__('Restore all %1', restored)}
          </button>
        )}
        <button type="button" class="lobu-button" onClick={props.onClose}>
          {restored > 0 ? trans.__('Cancel') : trans.__('Close')}
        </button>
      </div>
    </div>
  );
}

/** True until a click can be meant for what is shown. */
function useEarly(view: Pick<IView, 'page'>): boolean {
  const [early, passed] = useReducer(() => false, true);
  useEffect(() => view.page.sight.clock.after(PAUSE_MS, () => passed(null)), []);
  return early;
}

function titleOf(item: IUndoItem, trans: ITrans): string {
  const path = visibleLine(item.path);
  if (item.what === 'file') {
    return path;
  }
  const name = path.slice(path.lastIndexOf('/') + 1);
  return item.number
    ? trans.__('Cell %1 of %2', item.number, name)
    : trans.__('A cell of %1', name);
}

function wordsOf(item: IUndoItem, trans: ITrans): string {
  if (item.state === 'conflict') {
    return trans.__('stays as it is');
  }
  if (item.state === 'lost') {
    return trans.__('cannot be restored');
  }
  const words = {
    change: trans.__('goes back to its earlier text'),
    remove: trans.__('is removed'),
    'put back': trans.__('is put back'),
    move: trans.__('is moved back')
  };
  return words[item.does ?? 'change'];
}

/** What a person took back, and the way to make it again. */
export function Undone(props: { item: INamedItem; view: IView }): VNode {
  const { item, view } = props;
  const { trans } = view;
  const value = (item.value ?? {}) as JsonObject;
  const items = (Array.isArray(value.items) ? value.items : []) as unknown as IUndoItem[];
  const restored = items.some(one => one.state === 'restore');
  return (
    <div class="lobu-undone">
      <p class="lobu-notice">{visibleLine(text(value.message))}</p>
      <ul class="lobu-notice">
        {items.map((one, i) => (
          <li key={i}>
            {titleOf(one, trans)} {wordsOf(one, trans)}
          </li>
        ))}
      </ul>
      {restored && !view.saved && (
        <Restore
          target={{ undoId: text(value.undoId) }}
          label={trans.__('Undo restore')}
          title={trans.__('Make the changes again that were taken back')}
          view={view}
        />
      )}
    </div>
  );
}
