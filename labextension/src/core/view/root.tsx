/** A view of a thread, or of one run of it. */
import { render, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { CallError } from '../api';
import { Fold } from '../fold';
import { Page } from '../page';
import { lastRun, sliceOf } from '../run';
import { IState } from '../wire';
import { Boundary } from './boundary';
import { BatchBar } from './batch';
import { Composer } from './composer';
import { Approvals } from './grants';
import { Queue } from './queue';
import { SavedLabel, Status } from './status';
import { Transcript } from './transcript';
import { IView, useGrowing, useThread } from './view';

export interface IRootProps {
  page: Page;
  threadId: string;
  /** Show only this run and what resumed it; null: all of the thread. */
  runId: string | null;
  /** Runs that are shown below it. */
  also?: string[];
  /** What to show where the thread cannot be read. */
  saved?: IState;
  /** Where the person can write: everywhere, or only while the agent waits. */
  composer: 'always' | 'waiting';
  /** The thread has changed. */
  onChange?: () => void;
  /** The shown run was started again as another. */
  onRetry?: (runId: string) => void;
  /** A run was started that is to be shown below it. */
  onMore?: (runId: string) => void;
}

export function Root(props: IRootProps): VNode {
  const { page, runId } = props;
  const thread = page.thread(props.threadId);
  const redraw = useThread(thread);
  const { host } = page;
  const view: IView = {
    page,
    thread,
    runId,
    host,
    trans: host.trans,
    redraw,
    also: props.also ?? [],
    onRetry: props.onRetry,
    onMore: props.onMore
  };
  const shown = sliceOf(thread.state, runId, view.also);
  const readable = thread.presence === 'ready' || thread.presence === 'deleted';
  const absent = runId !== null && readable && lastRun(shown) === undefined;
  const known = useRun(view, absent);
  const useSaved = props.saved !== undefined && (!readable || (absent && known === 'missing'));
  const slice = useSaved && props.saved ? sliceOf(props.saved, runId, view.also) : shown;
  const drawn = useGrowing(slice.items.length);
  const fold = useSaved ? NOTHING : thread.fold;
  useEffect(() => props.onChange?.());
  const waiting = !useSaved && slice.interrupts.length > 0;
  const underWay = !useSaved && lastRun(slice)?.status === 'running';
  const canWrite =
    !useSaved && thread.presence === 'ready' && (props.composer === 'always' || waiting);
  return (
    <div class="lobu" ref={useStickyEnd(props.composer === 'always')}>
      {useSaved && <SavedLabel view={view} />}
      <Transcript
        slice={slice}
        from={props.composer === 'always' ? slice.items.length - drawn : 0}
        drawn={drawn}
        hidePrompt={props.composer === 'waiting'}
        versionOf={item => fold.version(item)}
        view={{ ...view, saved: useSaved }}
      />
      {waiting && <BatchBar view={view} />}
      {canWrite && <Composer view={view} chooses={props.composer === 'always'} />}
      {!canWrite && underWay && thread.presence === 'ready' && <Queue view={view} />}
      <Status slice={slice} saved={useSaved} waitsItsTurn={absent && known === 'live'} view={view}>
        {!useSaved && <Approvals view={view} />}
      </Status>
    </div>
  );
}

const NOTHING = new Fold();

/** Draw a view in `element`; the answer takes it away. */
export function mount(element: HTMLElement, props: IRootProps): () => void {
  const { trans } = props.page.host;
  render(
    <Boundary of={props.threadId} trans={trans}>
      <Root {...props} />
    </Boundary>,
    element
  );
  return () => render(null, element);
}

/** A run that the journal does not name: waiting its turn, or not of this thread. */
function useRun(view: IView, absent: boolean): 'unknown' | 'live' | 'missing' {
  const [known, setKnown] = useState<'unknown' | 'live' | 'missing'>('unknown');
  useEffect(() => {
    let wanted = absent;
    if (absent && view.runId !== null) {
      view.page.api.getRun(view.runId).then(
        () => wanted && setKnown('live'),
        (error: CallError) => wanted && setKnown(error.status === 404 ? 'missing' : 'unknown')
      );
    }
    return () => {
      wanted = false;
    };
  }, [absent, view.runId]);
  return known;
}

/** Keep the end of a growing transcript in sight, unless the person scrolled away from it. */
function useStickyEnd(sticky: boolean): { current: HTMLDivElement | null } {
  const root = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const transcript = root.current?.querySelector<HTMLElement>('.lobu-transcript');
    if (!sticky || !transcript) {
      return undefined;
    }
    const onScroll = (): void => {
      const { scrollHeight, scrollTop, clientHeight } = transcript;
      atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
    };
    transcript.addEventListener('scroll', onScroll);
    return () => transcript.removeEventListener('scroll', onScroll);
  }, [sticky]);
  useEffect(() => {
    const transcript = root.current?.querySelector<HTMLElement>('.lobu-transcript');
    if (sticky && transcript && atEnd.current) {
      transcript.scrollTop = transcript.scrollHeight;
    }
  });
  return root;
}
