/** Where a person writes to the agent, also while it waits or works; and which agent, where one `chooses`. */
import { VNode } from 'preact';
import { AgentOptions } from './agentoptions';
import { AgentPicker } from './agents';
import { Queue } from './queue';
import { IView } from './view';

export function Composer(props: { view: IView; chooses: boolean }): VNode {
  const { view, chooses } = props;
  const { thread, trans } = view;
  const waiting = thread.state.interrupts.length > 0;
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
      <Queue view={view} />
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
          {trans.__('Send')}
        </button>
      </div>
      {chooses && !waiting && <AgentPicker view={view} />}
      {chooses && !waiting && <AgentOptions thread={thread} agent={thread.agent} trans={trans} />}
    </form>
  );
}

function placeholder(view: IView): string {
  const { thread, trans } = view;
  return thread.state.status === 'idle' ? trans.__('Ask the agent…') : trans.__('Queue a message…');
}

/** Send a message. It decides nothing: while the agent works or waits, it is queued. */
async function sendMessage(view: IView): Promise<void> {
  const { thread } = view;
  const text = thread.message.trim();
  if (!text || thread.sending) {
    return;
  }
  const sent = thread.start({
    prompt: text,
    ...(thread.agent ? { agent: thread.agent } : {}),
    ifRunning: 'queue'
  });
  if ((await sent) && thread.message.trim() === text) {
    thread.message = '';
    thread.changed();
  }
}
