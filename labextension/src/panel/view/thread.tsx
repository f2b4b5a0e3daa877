/** One thread: its transcript, how it stands, and where the person writes. */
import { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { Thread } from '../../core/thread';
import { BatchBar } from '../../core/view/batch';
import { Approvals } from '../../core/view/grants';
import { Status } from '../../core/view/status';
import { Transcript } from '../../core/view/transcript';
import { IView, useThread } from '../../core/view/view';
import { PanelModel } from '../model/panel';
import { Budget } from './budget';
import { Composer } from './composer';
import { MessageExtras } from './extras';
import { Icon } from './icons';
import { PlanHead } from './plan';
import { useScrolling } from './scrolling';
import { Tour } from './tour';
import { Usage } from './usage';

export function ThreadView(props: { thread: Thread; model: PanelModel }): VNode {
  const { thread, model } = props;
  const { page } = model;
  const { trans } = page.host;
  const redraw = useThread(thread);
  const view: IView = {
    page,
    thread,
    runId: null,
    host: page.host,
    trans,
    notebook: model.entry?.notebookPath,
    extras: item => <MessageExtras item={item} thread={thread} model={model} />,
    redraw
  };
  const { state } = thread;
  useEffect(() => {
    if (thread.presence === 'ready' && !document.hidden) {
      model.list.see(thread.threadId, state.cursor);
    }
  });
  const { root, shown, end, toEnd } = useScrolling(thread, model);
  const readable = thread.presence === 'ready' || thread.presence === 'deleted';
  return (
    <>
      <PlanHead view={view} />
      <Approvals view={view} />
      <div class="lobu-scroll" ref={root} tabIndex={-1}>
        {readable && (
          <Transcript
            slice={state}
            from={shown.from}
            drawn={(shown.to ?? state.items.length) - shown.from}
            hidePrompt={false}
            versionOf={item => thread.fold.version(item)}
            view={view}
          />
        )}
      </div>
      {!end && readable && (
        <div class="lobu-latest">
          <button type="button" class="lobu-button" onClick={toEnd}>
            <Icon name="down" /> {trans.__('Jump to latest')}
          </button>
        </div>
      )}
      {state.interrupts.length > 1 && <BatchBar view={view} />}
      <Status slice={state} saved={false} waitsItsTurn={false} view={view} />
      <Tour model={model} />
      {thread.presence !== 'deleted' && thread.presence !== 'missing' && <Composer model={model} />}
      <Usage state={state} model={model} />
      {thread.presence === 'ready' && (
        <Budget key={thread.threadId} threadId={thread.threadId} state={state} model={model} />
      )}
    </>
  );
}
