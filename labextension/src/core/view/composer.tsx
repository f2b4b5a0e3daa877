/** Where a person writes to the agent, also while it waits or works; and which agent, where one `chooses`. */
import { VNode } from 'preact';
import { isQuestion, replyEntries } from '../decide';
import { AgentPicker } from './agents';
import { IView } from './view';

export function Composer(props: { view: IView; chooses: boolean }): VNode {
  const { view, chooses } = props;
  const { thread, trans } = view;
  const open = thread.state.interrupts;
  const waiting = open.length > 0;
  const label = !waiting
    ? trans.__('Send')
    : open.every(isQuestion)
      ? trans.__('Send as answer')
      : trans.__('Reject with this');
  const send = (): void => void sendMessage(view);
  return (
    <form
      class="lobu-composer"
      data-lm-suppress-shortcuts="true"
      onSubmit={event => {
        event.preventDefault();
        send();
      }}
    >
      {thread.queued.map(({ runId, prompt }) => (
        <p key={runId} class="lobu-queued">
          {trans.__('Next: %1', prompt)}
          <button
            type="button"
            class="lobu-button lobu-quiet"
            disabled={thread.stopping.has(runId)}
            onClick={() => void thread.cancel(runId)}
          >
            {trans.__('Withdraw')}
          </button>
        </p>
      ))}
      <div class="lobu-composer-row">
        <textarea
          class="lobu-input"
          rows={Math.min(8, thread.message.split('\n').length)}
          aria-label={trans.__('Message to the agent')}
          placeholder={placeholder(view)}
          value={thread.message}
          onInput={event => {
            thread.message = event.currentTarget.value;
            view.redraw();
          }}
          onKeyDown={event => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
              event.preventDefault();
              send();
            }
            event.stopPropagation();
          }}
        />
        <button
          class={waiting ? 'lobu-button' : 'lobu-button lobu-primary'}
          disabled={thread.sending || !thread.message.trim()}
        >
          {label}
        </button>
      </div>
      {chooses && !waiting && <AgentPicker view={view} />}
    </form>
  );
}

function placeholder(view: IView): string {
  const { thread, trans } = view;
  const open = thread.state.interrupts;
  if (open.length > 0) {
    return open.every(isQuestion) ? trans.__('Your answer') : trans.__('No: do this instead …');
  }
  return thread.state.status === 'running'
    ? trans.__('Next message: sent when the agent is done')
    : trans.__('Message to the agent');
}

/** A message while the agent waits is the answer to what it waits for. */
async function sendMessage(view: IView): Promise<void> {
  const { thread } = view;
  const text = thread.message.trim();
  if (!text || thread.sending) {
    return;
  }
  const { interrupts, status } = thread.state;
  const sent =
    interrupts.length > 0
      ? thread.resume(replyEntries(interrupts, text))
      : thread.start({
          prompt: text,
          ...(thread.agent ? { agent: thread.agent } : {}),
          ...(status === 'running' || thread.queued.length > 0 ? { ifRunning: 'queue' } : {})
        });
  if ((await sent) && thread.message.trim() === text) {
    thread.message = '';
    thread.changed();
  }
}
