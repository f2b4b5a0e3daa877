/** What a person can do with one question, by button or key. */
import { approvesPlainly, batch, Draft, editDraft, isQuestion, offers, problemOf } from '../decide';
import { Grant, IInterrupt, IOption } from '../wire';
import { IView } from './view';
import { ISeen } from './watching';

export const KEYS = { approve: 'a', edit: 'e', reject: 'r' };

/**
 * Can it be decided here? Only the question that the live thread itself holds: not one that a saved copy
 * tells of, though it has that question's id, nor one of a deleted thread.
 */
export function isDecidable(interrupt: IInterrupt, { thread, saved }: IView): boolean {
  return !saved && thread.presence !== 'deleted' && thread.state.interrupts.includes(interrupt);
}

/** By its `.lobu-decide`: the controls of the card, as it was drawn last. */
const shown = new WeakMap<Element, Controls>();

export class Controls {
  constructor(
    readonly interrupt: IInterrupt,
    private readonly _view: IView,
    private readonly _here: { current: boolean },
    private readonly _seen: ISeen
  ) {
    if (_seen.element.current !== null) {
      shown.set(_seen.element.current, this);
    }
  }

  /** Bind these controls to their card, once it is on the page. */
  bind(element: HTMLDivElement | null): void {
    this._seen.element.current = element;
    if (element !== null) {
      shown.set(element, this);
    }
  }

  /** Did the person choose in this view? Only there a form may take the focus. */
  get focus(): boolean {
    return this._here.current;
  }

  get draft(): Draft | undefined {
    return this._view.thread.drafts.get(this.interrupt.id);
  }

  /** Decided with others, so sent by the bar under them. */
  get together(): boolean {
    return this._view.thread.state.interrupts.length > 1;
  }

  get problem(): string | null {
    const { draft } = this;
    return draft === undefined ? null : problemOf(draft, this.interrupt, this._view.trans);
  }

  /** It has been in sight to its end, and long enough: a key may approve it. */
  get wasSeen(): boolean {
    const { sight } = this._view.page;
    return sight.hasSeen(this.interrupt) && sight.wait(this.interrupt) === 0;
  }

  /** It is still to be decided. */
  get open(): boolean {
    const { thread } = this._view;
    const waits = isDecidable(this.interrupt, this._view) && !thread.isSent(this.interrupt.id);
    return waits && this.draft === undefined && !thread.sending;
  }

  offers(kind: Draft['kind']): boolean {
    return offers(this.interrupt).includes(kind);
  }

  choose(draft: Draft): void {
    this._here.current = true;
    this._view.thread.choose(this.interrupt, draft);
  }

  approve(grant?: Grant): void {
    if (this._tooEarly) {
      return;
    }
    this.choose(grant ? { kind: 'approve', grant } : { kind: 'approve' });
    this.send();
  }

  /** Give the agent the answer that the person pressed, or begin the reason of a no. */
  option(option: IOption): void {
    if (!option.kind.startsWith('allow')) {
      this.choose({ kind: 'reject', reason: '', option: option.id });
    } else if (!this._tooEarly) {
      this.choose({ kind: 'approve', option: option.id });
      this.send();
    }
  }

  edit(): void {
    this.choose(editDraft(this.interrupt));
  }

  reject(): void {
    this.choose({ kind: 'reject', reason: '' });
  }

  back(): void {
    this._view.thread.drafts.delete(this.interrupt.id);
    this._view.thread.changed();
    this._seen.element.current?.focus();
  }

  /** Send the decision; one of several waits for the others. The focus then goes to what is next. */
  send(): void {
    const { page } = this._view;
    const root = this._seen.element.current?.closest('.lobu') ?? null;
    page.sight.decided();
    if (this.together) {
      focusNext(root, this._view);
    } else {
      void sendBatch(this._view).then(sent => sent && focusNext(root, this._view));
    }
  }

  /** Approve by a key that was pressed somewhere else: only what the person has seen; else show it. */
  approveFromAfar(): void {
    if (this.draft !== undefined) {
      this.enter();
    } else if (approvesPlainly(this.interrupt) && this.wasSeen) {
      this.approve();
    } else {
      this.reveal();
    }
  }

  /** Show what has not been in sight: unfolded, from its first such line on. */
  reveal(): void {
    const { thread } = this._view;
    thread.opened.set(`${this.interrupt.id} *`, true);
    thread.changed();
    const element = this._seen.element.current;
    element?.focus({ preventScroll: true });
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        (this._seen.unseen() ?? element)?.scrollIntoView?.({ block: 'start' })
      )
    );
  }

  key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.matches(
      'input, textarea, select, [contenteditable="true"] *, [contenteditable="true"]'
    );
    if (event.key === 'Escape' && this.draft !== undefined) {
      this.back();
    } else if (event.key === 'Enter' && this._sends(event, target, typing)) {
      this.enter();
    } else if (isRejectChord(event) && !typing && this._rejects()) {
      // The reason is written and sent in the form that opens.
    } else if (
      typing ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.repeat ||
      !this._letter(event.key)
    ) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Enter approves a card without a draft, and sends one with a draft. */
  enter(): void {
    if (this.draft === undefined && approvesPlainly(this.interrupt)) {
      this.approve();
    } else if (this.draft !== undefined && this.problem === null) {
      this.send();
    }
  }

  /** Nothing is approved by a key or click that was meant for what stood here before. */
  private get _tooEarly(): boolean {
    return this._view.page.sight.wait(this.interrupt) > 0;
  }

  private _rejects(): boolean {
    if (this.draft !== undefined || !this.offers('reject')) {
      return false;
    }
    this.reject();
    return true;
  }

  private _letter(key: string): boolean {
    if (this.draft !== undefined) {
      return false;
    }
    if (key === KEYS.approve && approvesPlainly(this.interrupt)) {
      this.approve();
    } else if (key === KEYS.edit && this.offers('edit')) {
      this.edit();
    } else if (key === KEYS.reject && this.offers('reject')) {
      this.reject();
    } else {
      return false;
    }
    return true;
  }

  /** Enter sends from a line; from several lines and code only with Ctrl or Command. */
  private _sends(event: KeyboardEvent, target: HTMLElement, typing: boolean): boolean {
    const chord = event.ctrlKey || event.metaKey;
    if (event.isComposing || event.repeat || (target.matches('button, summary, a') && !chord)) {
      return false;
    }
    return !typing || target.matches('input') || chord;
  }
}

/** Ctrl+Backspace, on a Mac Command+Backspace: open the form that rejects with a reason. */
export function isRejectChord(event: KeyboardEvent): boolean {
  return event.key === 'Backspace' && (event.ctrlKey || event.metaKey) && !event.altKey;
}

/** The card that a command means: the one with the focus, else the first that is not decided yet. */
export function cardIn(root: ParentNode): Controls | undefined {
  const cards = [...root.querySelectorAll('.lobu-decide')].flatMap(one => shown.get(one) ?? []);
  const focused = document.activeElement?.closest('.lobu-decide');
  const here = focused && root.contains(focused) ? shown.get(focused) : undefined;
  return here ?? cards.find(card => card.open && !isQuestion(card.interrupt));
}

/** The card of this question within `root`. */
export function cardOf(interrupt: IInterrupt, root: ParentNode): Controls | undefined {
  return [...root.querySelectorAll('.lobu-decide')]
    .flatMap(one => shown.get(one) ?? [])
    .find(card => card.interrupt === interrupt);
}

/** Send all decisions, if each is made. True: they arrived. */
export async function sendBatch(view: IView): Promise<boolean> {
  const { thread, trans } = view;
  const entries = batch(thread.asShown, thread.drafts, trans);
  return entries !== null && (await thread.resume(entries)) !== null;
}

/** Focus the next card that is not decided, else what sends them all, else where the person writes. */
export function focusNext(root: Element | null, view: IView): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (root === null) {
        return;
      }
      const cards = [...root.querySelectorAll<HTMLElement>('.lobu-decide')];
      const next =
        cards.find(one => shown.get(one)?.open) ??
        root.querySelector<HTMLElement>('.lobu-batch .lobu-primary:not(:disabled)') ??
        (view.runId === null ? root.querySelector<HTMLElement>('.lobu-composer textarea') : null);
      next?.focus();
    })
  );
}
