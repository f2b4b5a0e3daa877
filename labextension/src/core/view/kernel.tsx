/** A question whose kernel is another than before, or gone: what is missing in it, and what brings it back. */
import { VNode } from 'preact';
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { Draft } from '../decide';
import { rebuildDraft } from '../replay';
import { IInterrupt, IThreadKernel } from '../wire';
import { listed } from './listed';
import { IView, useLive } from './view';

const MOST_NAMES = 5;
const AGAIN_MS = 2000;
const MOST_TRIES = 10; // in all of a card's life: a busy kernel may stay silent

export function KernelLine(props: {
  interrupt: IInterrupt;
  /** Begin an edit of the call. */
  edit?: (draft: Draft) => void;
  view: IView;
}): VNode | null {
  const { interrupt, view } = props;
  const { trans, host } = view;
  const { kernel, look } = useKernel(view);
  const [busy, setBusy] = useState(false);
  const line = useRef<HTMLParagraphElement>(null);
  const { kernels } = host;
  const said = wordsOf(kernel, interrupt, view);
  if (said === null) {
    return null;
  }
  const act = (work: (element: HTMLElement, path?: string | null) => Promise<void>): void => {
    if (line.current !== null) {
      setBusy(true);
      void work(line.current, view.notebook).finally(() => {
        setBusy(false);
        look();
      });
    }
  };
  const offer =
    kernels === undefined
      ? null
      : kernel?.state === 'none'
        ? { words: trans.__('Start kernel'), run: () => act((...at) => kernels.start(...at)) }
        : {
            words: trans.__('Run cells above'),
            run: () => act((...at) => kernels.runAbove(...at))
          };
  const { edit } = props;
  const rebuild =
    edit && kernel?.missing?.length ? rebuildDraft(interrupt, view.thread.state.items) : null;
  return (
    <p class="lobu-warning" ref={line}>
      {said}{' '}
      {offer && kernel?.missing?.length !== 0 && (
        <button type="button" class="lobu-button lobu-quiet" disabled={busy} onClick={offer.run}>
          {offer.words}
        </button>
      )}
      {edit && rebuild && (
        <button
          type="button"
          class="lobu-button lobu-quiet"
          title={trans.__('Put the code that ran in this chat above this code, and see it first')}
          disabled={busy}
          onClick={() => edit(rebuild)}
        >
          {trans.__('Rebuild')}
        </button>
      )}
    </p>
  );
}

/** What the server says of the kernel: asked when the card is drawn, and again when that may have changed. */
function useKernel(view: IView): { kernel: IThreadKernel | null; look: () => void } {
  const { thread, page } = view;
  const [kernel, setKernel] = useState<IThreadKernel | null>(null);
  const [looks, look] = useReducer((n: number) => n + 1, 0);
  const live = useLive(page);
  const restarts = thread.state.items.filter(
    item => item.kind === 'notice' && item.name === 'lobu.kernel'
  ).length;
  const tries = useRef(MOST_TRIES);
  useEffect(() => {
    // A kernel that starts does not say yet what it has.
    const unsure = kernel?.state === 'new' && kernel.missing === undefined && tries.current-- > 0;
    return unsure ? page.clock.after(AGAIN_MS, () => look(null)) : undefined;
  }, [kernel]);
  useEffect(() => {
    let wanted = live;
    if (live) {
      page.api.kernelOf(thread.threadId).then(
        found => wanted && setKernel(found),
        () => undefined // an older server: what the journal says of the kernel is shown
      );
    }
    return () => {
      wanted = false;
    };
  }, [thread, live, restarts, looks, thread.problem]);
  return { kernel, look: () => look(null) };
}

function wordsOf(kernel: IThreadKernel | null, interrupt: IInterrupt, view: IView): string | null {
  const { trans } = view;
  if (kernel?.state === 'none') {
    return trans.__('No kernel is running for this notebook.');
  }
  if (kernel?.state !== 'new') {
    return interrupt.kernelLost
      ? trans.__('The kernel restarted. Variables this code needs may be missing.')
      : null;
  }
  const { missing } = kernel;
  if (missing === undefined) {
    return trans.__('New kernel. Variables this code needs may be missing.');
  }
  if (missing.length === 0) {
    return trans.__('New kernel. It has the variables this code needs.');
  }
  const more = missing.length - MOST_NAMES;
  const named = [...missing.slice(0, MOST_NAMES), ...(more > 0 ? [trans.__('%1 more', more)] : [])];
  return missing.length === 1
    ? trans.__('New kernel: %1 is missing.', named[0])
    : trans.__('New kernel: %1 are missing.', listed(named, trans));
}
