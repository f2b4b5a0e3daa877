/** The messages that wait their turn: shown while they wait, and removable. */
import { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { IView } from './view';

export function Queue(props: { view: Pick<IView, 'thread' | 'trans'> }): VNode | null {
  const { thread, trans } = props.view;
  const ready = thread.presence === 'ready';
  const { status } = thread.state;
  useEffect(() => {
    if (ready) {
      thread.loadQueue().catch(() => undefined); // another page's messages; those of this page are known
    }
  }, [thread, ready, status]);
  return thread.queued.length === 0 ? null : (
    <ol class="lobu-queue" aria-label={trans.__('Queued messages')}>
      {thread.queued.map(({ runId, prompt }) => (
        <li key={runId} class="lobu-queued">
          <span class="lobu-queued-text" title={prompt}>
            {prompt}
          </span>
          <span class="lobu-queued-state">{trans.__('Queued')} ·</span>
          <button
            type="button"
            class="lobu-button lobu-quiet"
            aria-label={trans.__('Remove: %1', prompt)}
            disabled={thread.stopping.has(runId)}
            onClick={() => void thread.cancel(runId)}
          >
            {trans.__('Remove')}
          </button>
        </li>
      ))}
    </ol>
  );
}
