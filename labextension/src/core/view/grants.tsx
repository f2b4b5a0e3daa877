/** What runs without asking: a chip where a grant holds, what each covers, and how it is taken back. */
import { VNode } from 'preact';
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { ITrans } from '../host';
import { visibleLine } from '../text/visible';
import { Grant, IGrant } from '../wire';
import { IView } from './view';

const SOONEST_MS = 10_000; // clocks differ: what the server still lists is not asked about all the time
const LATEST_MS = 3_600_000;

/** What a grant covers, in words. */
export function coverage(grant: Grant, tool: string, trans: ITrans): string {
  const name = visibleLine(tool);
  const words = new Map<string, string>([
    ['call', trans.__('this exact %1 call in this chat', name)],
    ['thread', trans.__('simple code in this chat')],
    ['notebook', trans.__('simple code in this notebook')],
    ['thread_all', trans.__('every %1 call in this chat', name)],
    ['notebook_all', trans.__('every %1 call in this notebook', name)]
  ]);
  return words.get(grant) ?? visibleLine(String(grant));
}

/** The chip, its Undo and its list; nothing where no grant holds, in a saved copy, or offline. */
export function Approvals(props: { view: IView }): VNode | null {
  const { view } = props;
  const { page, thread, trans } = view;
  const { threadId } = thread;
  const store = page.grants;
  const root = useRef<HTMLDivElement>(null);
  const shown = useRef(false);
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState('');
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const live =
    !view.saved && thread.presence === 'ready' && page.socket.connection.state === 'live';
  useEffect(() => store.attach(threadId, () => redraw(null)), [store, threadId]);
  useEffect(() => {
    if (live) {
      void store.read(threadId);
    }
  }, [store, threadId, live, thread.granted]);
  const grants = live ? store.of(threadId) : [];
  useExpiry(grants, () => void store.read(threadId));
  const problem = live ? store.problem(threadId) : '';
  shown.current ||= grants.length > 0; // then it stays: its last word and the focus are not lost with the chip
  if (!shown.current) {
    return null;
  }
  const undo = async (grant: IGrant): Promise<void> => {
    const focused = root.current?.contains(document.activeElement);
    const done = await store.revoke(threadId, grant.grantId);
    setSaid(done ? trans.__('No longer approved: %1', wordsOf(grant, trans)) : '');
    const left = store.of(threadId).length > 0;
    setOpen(open && left);
    if (done && focused) {
      (left ? root.current?.querySelector('button') : root.current)?.focus();
    }
  };
  const shut = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && open) {
      setOpen(false);
      root.current?.querySelector('button')?.focus();
      event.preventDefault();
      event.stopPropagation();
    }
  };
  return (
    <div
      class="lobu-approvals"
      ref={root}
      tabIndex={-1}
      data-lm-suppress-shortcuts="true"
      onKeyDown={shut}
    >
      <span class="lobu-sr" role="status">
        {said}
      </span>
      {grants.length > 0 && (
        <span class="lobu-approvals-chip">
          <button
            type="button"
            class="lobu-button"
            aria-expanded={open}
            title={grants.map(one => wordsOf(one, trans)).join(', ')}
            onClick={() => setOpen(!open)}
          >
            {grants.length === 1
              ? trans.__('1 approval active')
              : trans.__('%1 approvals active', grants.length)}
          </button>
          {grants.length === 1 && <Undo grant={grants[0]} chip undo={undo} trans={trans} />}
        </span>
      )}
      {open && grants.length > 0 && (
        <ul class="lobu-approvals-list" aria-label={trans.__('Runs without asking')}>
          {grants.map(grant => (
            <li key={grant.grantId}>
              <span>
                {wordsOf(grant, trans)}
                <small>{since(grant, trans)}</small>
              </span>
              <Undo grant={grant} undo={undo} trans={trans} />
            </li>
          ))}
        </ul>
      )}
      {problem && (
        <p class="lobu-problem" role="alert">
          {trans.__('Still approved: %1', problem)}
        </p>
      )}
    </div>
  );
}

function Undo(props: {
  grant: IGrant;
  chip?: boolean;
  undo: (grant: IGrant) => Promise<void>;
  trans: ITrans;
}): VNode {
  const { grant, undo, trans } = props;
  const [busy, setBusy] = useState(false);
  const word = props.chip ? trans.__('Undo') : trans.__('Revoke');
  return (
    <button
      type="button"
      class="lobu-button lobu-quiet"
      aria-label={`${word}: ${wordsOf(grant, trans)}`}
      title={trans.__('Ask again. A run that has begun still has the approval until it ends.')}
      aria-disabled={busy}
      onClick={() => {
        if (!busy) {
          setBusy(true);
          void undo(grant).then(() => setBusy(false));
        }
      }}
    >
      {word}
    </button>
  );
}

/** What runs without asking under a grant, in words; lobu_jupyter/model/covering.py says the same. */
export function wordsOf(grant: IGrant, trans: ITrans): string {
  const tool = grant.tool.replace(/\[([*?[])\]/g, '$1'); // a literal as a glob
  const all = grant.covers === 'all' ? (`${grant.scope}_all` as const) : grant.scope;
  return coverage(grant.covers === 'call' ? 'call' : all, tool, trans);
}

function since(grant: IGrant, trans: ITrans): string {
  const at = (iso: string): string => new Date(iso).toLocaleString();
  return grant.expiresAt
    ? trans.__('since %1, until %2', at(grant.createdAt), at(grant.expiresAt))
    : trans.__('since %1, until you revoke it', at(grant.createdAt));
}

/** Look again when the next grant ends. */
function useExpiry(grants: IGrant[], look: () => void): void {
  const next = Math.min(
    ...grants.map(one => (one.expiresAt ? Date.parse(one.expiresAt) : Infinity))
  );
  useEffect(() => {
    if (!Number.isFinite(next)) {
      return undefined;
    }
    const wait = Math.min(Math.max(next - Date.now(), SOONEST_MS), LATEST_MS);
    const timer = setInterval(look, wait);
    return () => clearInterval(timer);
  }, [next]);
}
