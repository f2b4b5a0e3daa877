/** All that waits on the person, over all threads and notebooks; decided here, on the thread's own cards. */
import { VNode } from 'preact';
import { Thread } from '../../core/thread';
import { IWaiting } from '../../core/wire';
import { BatchBar } from '../../core/view/batch';
import { QuestionCard } from '../../core/view/question';
import { IView, useThread } from '../../core/view/view';
import { PanelModel } from '../model/panel';
import { Tour, tourStep } from './tour';
import { nameOf, titleOf } from './words';

export function Inbox(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { list } = model;
  const { trans } = model.page.host;
  const threads = [...new Set(list.waiting.map(one => one.threadId))];
  return (
    <div class="lobu-inbox">
      {(tourStep(model) ?? 0) > 0 && <Tour model={model} />}
      {list.problem && (
        <p class="lobu-problem" role="alert">
          {list.problem}
        </p>
      )}
      {list.loaded && threads.length === 0 && (
        <p class="lobu-empty">{trans.__('All caught up.')}</p>
      )}
      {threads.map(threadId => (
        <Questions
          key={threadId}
          thread={model.page.thread(threadId)}
          listed={list.waiting.filter(one => one.threadId === threadId)}
          model={model}
        />
      ))}
    </div>
  );
}

function Questions(props: { thread: Thread; listed: IWaiting[]; model: PanelModel }): VNode {
  const { thread, model } = props;
  const { page } = model;
  const { trans } = page.host;
  const redraw = useThread(thread);
  const view: IView = { page, thread, runId: null, host: page.host, trans, redraw };
  const open = thread.presence === 'ready' ? thread.state.interrupts : props.listed;
  const entry = model.list.get(thread.threadId);
  const path = entry?.notebookPath;
  return (
    <section class="lobu-inbox-thread" aria-label={titleOf(entry, trans)}>
      <header class="lobu-inbox-head">
        <button type="button" class="lobu-link" onClick={() => model.open(thread.threadId)}>
          {titleOf(entry ?? thread.state, trans)}
        </button>
        {path && (
          <button type="button" class="lobu-link" onClick={() => model.workbench.open(path)}>
            {nameOf(path)}
          </button>
        )}
      </header>
      {open.map(interrupt => (
        <QuestionCard
          key={interrupt.id}
          interrupt={interrupt}
          decides={thread.presence === 'ready'}
          view={view}
        />
      ))}
      {thread.state.interrupts.length > 1 && <BatchBar view={view} />}
      {thread.problem && (
        <p class="lobu-problem" role="alert">
          {thread.problem}
        </p>
      )}
    </section>
  );
}
