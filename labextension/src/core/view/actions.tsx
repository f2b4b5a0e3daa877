/** What can be done about a run: stop it while it lives; retry, continue or rebuild when it failed. */
import { ComponentChild, VNode } from 'preact';
import { ISlice, promptOf, textOf } from '../run';
import { IRunState } from '../wire';
import { IView } from './view';

/** Who did the work went away; nothing says that the work itself was wrong. */
const CUT_OFF = ['server_restarted', 'worker_died', 'worker_lost'];
const KERNEL_LOST = ['kernel_died', 'kernel_restarted'];

export function wasCutOff(run: IRunState): boolean {
  return CUT_OFF.includes(run.error?.code ?? '');
}

export function Actions(props: {
  slice: ISlice;
  run: IRunState | undefined;
  view: IView;
}): ComponentChild {
  const { slice, run, view } = props;
  const { thread, trans } = view;
  const target = run?.runId ?? view.runId;
  if (thread.presence !== 'ready' || target === null || target === undefined) {
    return null;
  }
  if (run?.status === 'failed') {
    return <AfterFailure slice={slice} run={run} view={view} />;
  }
  if (run !== undefined && run.status !== 'running' && slice.interrupts.length === 0) {
    return run.cut ? <Continue run={run} view={view} /> : null;
  }
  const asks = slice.interrupts.length > 0;
  return (
    <button
      class="lobu-button"
      disabled={!isLive(view) || thread.stopping.has(target)}
      onClick={() => void (asks ? thread.cancel(target) : thread.stop(target))}
    >
      {asks ? trans.__('Cancel') : trans.__('Stop')}
    </button>
  );
}

function AfterFailure(props: { slice: ISlice; run: IRunState; view: IView }): VNode {
  const { slice, run, view } = props;
  const { thread, trans } = view;
  const prompt = promptOf(slice);
  const disabled = thread.sending || !isLive(view) || thread.state.status !== 'idle';
  const button = (label: string, title: string, act: () => Promise<void>): VNode => (
    <button class="lobu-button" title={title} disabled={disabled} onClick={() => void act()}>
      {label}
    </button>
  );
  return (
    <>
      {canContinue(slice, run) && <Continue run={run} view={view} />}
      {canRebuild(run, view) &&
        button(
          trans.__('Rebuild'),
          trans.__('Run the code of this chat again, after you approve it'),
          () => rebuild(view)
        )}
      {prompt &&
        button(trans.__('Retry'), trans.__('Send the same message again'), () =>
          retry(run, prompt, view)
        )}
    </>
  );
}

/** Ask for the rest of an answer. */
function Continue(props: { run: IRunState; view: IView }): VNode {
  const { run, view } = props;
  const { thread, trans } = view;
  return (
    <button
      class="lobu-button"
      title={trans.__('Ask for the rest of the answer')}
      disabled={thread.sending || !isLive(view) || thread.state.status !== 'idle'}
      onClick={() => void goOn(run, view)}
    >
      {trans.__('Continue')}
    </button>
  );
}

function isLive(view: IView): boolean {
  return view.page.socket.connection.state === 'live';
}

/** There is a part of an answer to go on after. */
function canContinue(slice: ISlice, run: IRunState): boolean {
  return (
    (wasCutOff(run) || run.cut !== undefined) &&
    slice.items.some(
      item =>
        item.kind === 'tool' ||
        (item.kind === 'message' && item.role === 'assistant' && textOf(item.content) !== '')
    )
  );
}

function canRebuild(run: IRunState, view: IView): boolean {
  return (
    KERNEL_LOST.includes(run.error?.code ?? '') &&
    view.thread.state.items.some(item => item.kind === 'tool' && item.ok === true)
  );
}

/** A run that was retried takes the place of the one that failed, where one run is shown. */
async function retry(run: IRunState, prompt: string, view: IView): Promise<void> {
  const again = await view.thread.askAgain(run.runId, prompt);
  if (again !== null) {
    view.onRetry?.(again.runId);
  }
}

/** The partial answer is in the thread, and so in what the model reads: once. */
async function goOn(run: IRunState, view: IView): Promise<void> {
  const prompt = view.trans.__('Continue where you stopped.');
  const more = await view.thread.askAgain(run.runId, prompt);
  if (more !== null) {
    view.onMore?.(more.runId);
  }
}

async function rebuild(view: IView): Promise<void> {
  const more = await view.thread.rebuild();
  if (more !== null) {
    view.onMore?.(more.runId);
  }
}
