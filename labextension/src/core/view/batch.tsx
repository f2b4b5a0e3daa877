/** The one place from which the decisions of several questions are sent. */
import { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { approvesPlainly, offers, problemOf } from '../decide';
import { IInterrupt } from '../wire';
import { cardOf, focusNext, sendBatch } from './controls';
import { ONLY_BY_HAND } from './onlybyhand';
import { IView } from './view';

export function BatchBar(props: { view: IView }): VNode | null {
  const { view } = props;
  const { thread, trans } = view;
  const bar = useRef<HTMLFieldSetElement>(null);
  const [unread, setUnread] = useState<IInterrupt | null>(null);
  const open = thread.state.interrupts;
  if (open.length < 2 || thread.presence === 'deleted') {
    return null;
  }
  const { sight } = view.page;
  const undecided = open.filter(one => {
    const draft = thread.drafts.get(one.id);
    return draft === undefined || problemOf(draft, one, trans) !== null;
  });
  const busy = thread.sending || open.some(one => thread.isSent(one.id));
  const root = (): Element | null => bar.current?.closest('.lobu') ?? null;
  const send = (): void => {
    sight.decided();
    void sendBatch(view).then(sent => sent && focusNext(root(), view));
  };
  const fresh = undecided.filter(one => !thread.drafts.has(one.id));
  const approveAll = (): void => {
    const plain = fresh.filter(approvesPlainly);
    const missed = plain.find(one => !sight.hasSeen(one) || sight.wait(one) > 0);
    setUnread(missed ?? null);
    if (missed !== undefined) {
      const within = root();
      (within && cardOf(missed, within))?.reveal();
      return;
    }
    plain.forEach(one => thread.choose(one, { kind: 'approve' }));
    send(); // and if others are still to be decided, nothing is sent
  };
  const rejectAll = (): void => {
    fresh
      .filter(one => offers(one).includes('reject'))
      .forEach(one => thread.choose(one, { kind: 'reject', reason: '' }));
  };
  return (
    <fieldset
      class="lobu-batch"
      disabled={busy}
      data-lm-suppress-shortcuts="true"
      ref={bar}
      {...ONLY_BY_HAND}
      aria-label={trans.__('Pending approvals')}
    >
      <span>{words(undecided.length, view)}</span>
      {fresh.some(approvesPlainly) && (
        <button class="lobu-button" onClick={approveAll}>
          {trans.__('Approve all')}
        </button>
      )}
      {fresh.length > 0 && (
        <button class="lobu-button" onClick={rejectAll}>
          {trans.__('Reject all')}
        </button>
      )}
      {fresh.length < open.length && (
        <button class="lobu-button lobu-primary" disabled={undecided.length > 0} onClick={send}>
          {trans.__('Submit')}
        </button>
      )}
      {unread !== null && !sight.hasSeen(unread) && (
        <p class="lobu-batch-unread" role="status">
          {trans.__('Scroll through all of them first.')}
        </p>
      )}
    </fieldset>
  );
}

function words(count: number, view: IView): string {
  const { trans } = view;
  if (count === 0) {
    return trans.__('All decided');
  }
  return count === 1
    ? trans.__('1 action needs approval')
    : trans.__('%1 actions need approval', count);
}
