/** The status line: how the work and the connection stand, and what can be done about it. */
import { ComponentChild, VNode } from 'preact';
import { ISlice, lastRun } from '../run';
import { Connection } from '../socket';
import { IRunState } from '../wire';
import { Actions, wasCutOff } from './actions';
import { useProgress } from './progress';
import { duration, IView, useNow } from './view';

export function Status(props: {
  slice: ISlice;
  saved: boolean;
  waitsItsTurn: boolean;
  view: IView;
  children?: ComponentChild;
}): VNode {
  const { slice, view } = props;
  const { thread } = view;
  const run = lastRun(slice);
  const progress = useProgress(slice, run, view);
  const stands = props.saved ? saved(view) : standing(slice, props.waitsItsTurn, view);
  const stopping = run !== undefined && thread.stopping.has(run.runId);
  const said = (props.saved || stopping ? undefined : progress?.said) ?? stands;
  return (
    <div class="lobu-status">
      <span class="lobu-sr" role="status">
        {said}
      </span>
      <span aria-hidden="true" class={`lobu-standing lobu-run-${run?.status ?? 'none'}`}>
        {said}
        {said === progress?.said && progress.left}
        {!props.saved && run && slice.interrupts.length === 0 && (
          <Clock slice={slice} run={run} live={view.page.socket.connection.state === 'live'} />
        )}
      </span>
      {!props.saved && <Actions slice={slice} run={run} view={view} />}
      <ConnectionLine connection={view.page.socket.connection} view={view} />
      {props.children}
      {thread.problem && (
        <p class="lobu-problem" role="alert">
          {thread.problem}
        </p>
      )}
    </div>
  );
}

/** How the shown work stands, in words. */
function standing(slice: ISlice, waitsItsTurn: boolean, view: IView): string {
  const { thread, trans } = view;
  if (thread.presence === 'deleted') {
    return trans.__('This thread was deleted.');
  }
  if (thread.presence === 'missing') {
    return trans.__('This chat is on another server.');
  }
  if (thread.presence === 'failed') {
    return thread.failure || trans.__('Can’t load this chat.');
  }
  if (slice.interrupts.length > 0) {
    return trans.__('Needs approval');
  }
  const run = lastRun(slice);
  if (run === undefined) {
    return waitsItsTurn
      ? trans.__('Queued')
      : thread.presence === 'loading'
        ? trans.__('Loading…')
        : '';
  }
  const words: { [status: string]: string } = {
    queued: trans.__('Queued'),
    running: thread.stopping.has(run.runId) ? trans.__('Stopping…') : trans.__('Working…'),
    succeeded: run.cut ? trans.__('Incomplete') : trans.__('Done'),
    interrupted: trans.__('Resuming…'),
    cancelled: trans.__('Stopped'),
    failed: wasCutOff(run) ? trans.__('Interrupted') : trans.__('Failed')
  };
  return slice.interrupts.length === 0 &&
    run.status === 'interrupted' &&
    thread.state.status === 'idle'
    ? trans.__('Dismissed')
    : words[run.status];
}

function saved(view: IView): string {
  const { thread, trans } = view;
  switch (thread.presence) {
    case 'loading':
      return trans.__('Saved output. Loading…');
    case 'ready':
    case 'deleted':
      return trans.__('Saved output (the chat no longer has this run)');
    case 'failed':
      return trans.__('Saved output: %1', thread.failure || trans.__('Can’t load this chat.'));
    case 'missing':
      return trans.__('Saved output (the chat is on another server)');
  }
}

/** Said above a saved copy, before what it says itself; not while the page is about to show the thread. */
export function SavedLabel(props: { view: IView }): VNode | null {
  const { thread, trans } = props.view;
  return thread.presence === 'loading' ? null : (
    <p class="lobu-saved-label">{trans.__('Saved output. You can’t approve anything in it.')}</p>
  );
}

/** How long the agent worked: the run and those that it resumes, without the waits between them. */
function Clock(props: { slice: ISlice; run: IRunState; live: boolean }): ComponentChild {
  const { slice, run } = props;
  const now = useNow(run.status === 'running' && props.live);
  let worked = 0;
  for (let one: IRunState | undefined = run; one !== undefined; one = resumedBy(one, slice)) {
    const until = one.endedAt ?? (one.status === 'running' ? now : undefined);
    if (one.startedAt === undefined || until === undefined) {
      return null;
    }
    worked += Math.max(0, until - one.startedAt);
  }
  return worked < 1000 ? null : ` · ${duration(worked)}`;
}

function resumedBy(run: IRunState, slice: ISlice): IRunState | undefined {
  return slice.runs.find(one => one.runId === run.parentRunId);
}

function ConnectionLine(props: { connection: Connection; view: IView }): VNode | null {
  const { connection, view } = props;
  const { page, thread, trans } = view;
  const now = useNow(connection.state === 'reconnecting');
  if (
    connection.state === 'live' ||
    thread.presence === 'missing' ||
    thread.presence === 'deleted'
  ) {
    return null;
  }
  if (connection.state === 'connecting') {
    return thread.presence === 'ready' ? (
      <span class="lobu-connection">{trans.__('Connecting…')}</span>
    ) : null;
  }
  const reasons: { [why: string]: string } = {
    'signed-out': trans.__('You are signed out. Reload the page.'),
    'no-extension': trans.__('lobu is not installed on this server.')
  };
  const seconds =
    connection.state === 'reconnecting'
      ? Math.max(0, Math.ceil((connection.retryAt - now) / 1000))
      : 0;
  return (
    <span class="lobu-connection">
      {connection.state === 'gone'
        ? (reasons[connection.why] ?? trans.__('The server is not available.'))
        : trans.__('Reconnecting in %1 s', seconds)}
      <button class="lobu-button lobu-quiet" onClick={() => page.retry()}>
        {trans.__('Try now')}
      </button>
    </span>
  );
}
