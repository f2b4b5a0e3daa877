/** The side panel, drawn into an element. */
import { ComponentType, render, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { cardIn } from '../../core/view/controls';
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
  useEffect(() => {
    void list.refresh();
    model.page.api.warm().catch(() => undefined); // the first run starts a worker too
  }, []);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    model.card = () => (root.current ? (cardIn(root.current) ?? null) : null);
    return () => (model.card = () => null);
  }, [model]);
  return (
    <div class="lobu lobu-panel" ref={root}>
      <Header model={model} />
      {view === 'threads' && <Threads model={model} />}
      {view === 'inbox' && <Inbox model={model} />}
      {view === 'permissions' && <LazyPermissions model={model} />}
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

/** The page of permissions, which is loaded when it is first shown. */
function LazyPermissions(props: { model: PanelModel }): VNode | null {
  const [Page, setPage] = useState<ComponentType<{ model: PanelModel }> | null>(null);
  useEffect(() => {
    void import('./permissions').then(({ Permissions }) => setPage(() => Permissions));
  }, []);
  return Page && <Page model={props.model} />;
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
