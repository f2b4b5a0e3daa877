/** The side panel, drawn into an element. */
import { render, VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { isRejectChord } from '../../core/view/decide';
import { useNow } from '../../core/view/view';
import { IRemoved } from '../model/list';
import { PanelModel } from '../model/panel';
import { decorate } from './blocks';
import { Composer } from './composer';
import { Header } from './header';
import { useChanges } from './hooks';
import { Inbox } from './inbox';
import { ThreadView } from './thread';
import { Threads } from './threads';
import { Tour } from './tour';
import { Welcome } from './welcome';
import { titleOf } from './words';

function PanelRoot(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { list, thread, view } = model;
  useChanges(model, list);
  useEffect(() => void list.refresh(), []);
  return (
    <div class="lobu lobu-panel" onKeyDown={rejectByChord}>
      <Header model={model} />
      {view === 'threads' && <Threads model={model} />}
      {view === 'inbox' && <Inbox model={model} />}
      {view === 'thread' &&
        (thread === null ? (
          <>
            <Welcome model={model} />
            <Tour model={model} />
            <Composer key="new" model={model} />
          </>
        ) : (
          <ThreadView key={thread.threadId} thread={thread} model={model} />
        ))}
      {view !== 'thread' && model.problem && (
        <p class="lobu-problem" role="alert">
          {model.problem}
        </p>
      )}
      {list.removed.map(removed => (
        <Undo key={removed.thread.threadId} removed={removed} model={model} />
      ))}
    </div>
  );
}

/** Ctrl+Backspace anywhere in the panel opens the rejection of the first card, but never while text is edited. */
function rejectByChord(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const target = event.target as HTMLElement;
  const written = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
  const card = event.currentTarget.querySelector<HTMLElement>('.lobu-decide');
  if (!isRejectChord(event) || event.defaultPrevented || card === null) {
    return;
  }
  if ((written && target.value !== '') || card.contains(target)) {
    return;
  }
  event.preventDefault();
  const { key, ctrlKey, metaKey } = event;
  card.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey, metaKey, cancelable: true }));
}

function Undo(props: { removed: IRemoved; model: PanelModel }): VNode {
  const { removed, model } = props;
  const { trans } = model.page.host;
  const left = Math.max(0, Math.ceil((removed.until - useNow(true)) / 1000));
  return (
    <div class="lobu-undo" role="status">
      <span class="lobu-undo-text">{trans.__('Deleted: %1', titleOf(removed.thread, trans))}</span>
      <button
        type="button"
        class="lobu-button"
        onClick={() => void model.attempt(() => model.list.restore(removed))}
      >
        {trans.__('Undo')} <span aria-hidden="true">({left})</span>
      </button>
    </div>
  );
}

/** Draw the panel in `element`; the answer takes it away. */
export function mountPanel(element: HTMLElement, model: PanelModel): () => void {
  const { host } = model.page;
  host.decorate = block => decorate(block, model.workbench, host.trans);
  render(<PanelRoot model={model} />, element);
  return () => render(null, element);
}
