/**
 * The decision controls of one interrupt.
 *
 * Alone, a decision is sent when it is made; several are gathered as drafts and sent once, by the
 * bar under them. Keys on the card: a, r, e, Enter, Escape.
 */
import { ComponentChild, VNode } from 'preact';
import { useRef } from 'preact/hooks';
import {
  approvesPlainly,
  codeOf,
  batch,
  Draft,
  editDraft,
  grantable,
  isQuestion,
  offers,
  optionsOf,
  problemOf
} from '../decide';
import { ITrans } from '../host';
import { Grant, IInterrupt, IOption } from '../wire';
import { AnswerForm, EditForm, TextForm } from './forms';
import { Options } from './options';
import { Unshown } from './shown';
import { visible } from '../text/visible';
import { IView, useNow } from './view';

export const KEYS = { approve: 'a', edit: 'e', reject: 'r' };

/**
 * Can it be decided here? Only the question that the live thread itself holds: not one that a saved copy
 * tells of, though it has that question's id, nor one of a deleted thread.
 */
export function isDecidable(interrupt: IInterrupt, { thread, saved }: IView): boolean {
  return !saved && thread.presence !== 'deleted' && thread.state.interrupts.includes(interrupt);
}

export function Decide(props: { interrupt: IInterrupt; view: IView }): VNode | null {
  const { interrupt, view } = props;
  const { thread, trans } = view;
  const chosenHere = useRef(false);
  if (!isDecidable(interrupt, view)) {
    return interrupt.message ? <p class="lobu-note">{visible(interrupt.message)}</p> : null;
  }
  const controls = new Controls(interrupt, view, chosenHere);
  const busy = thread.sending || thread.isSent(interrupt.id);
  return (
    <div
      class="lobu-decide"
      role="group"
      aria-label={trans.__('Your decision')}
      tabIndex={0}
      data-lm-suppress-shortcuts="true"
      onKeyDown={event => controls.key(event)}
    >
      {interrupt.message && !isQuestion(interrupt) && (
        <p class="lobu-decide-message">{visible(interrupt.message)}</p>
      )}
      {interrupt.kernelLost && (
        <p class="lobu-warning">
          {trans.__('The kernel restarted. Variables this code needs may be missing.')}
        </p>
      )}
      <Unshown interrupt={interrupt} view={view} />
      {interrupt.metadata?.lobu?.agentMode && (
        <p class="lobu-note">
          {trans.__('The agent’s mode: %1', visible(interrupt.metadata.lobu.agentMode))}
        </p>
      )}
      {interrupt.metadata?.lobu?.byAgent && (
        <p class="lobu-warning">
          {trans.__(
            'Registered by agent code. It can do anything that code in this kernel can do.'
          )}
        </p>
      )}
      <Risks interrupt={interrupt} view={view} />
      {interrupt.expiresAt && <Expiry at={interrupt.expiresAt} view={view} />}
      <fieldset class="lobu-decide-controls" disabled={busy}>
        {controls.draft === undefined && !isQuestion(interrupt) ? (
          <Buttons controls={controls} view={view} />
        ) : (
          <Form controls={controls} view={view} />
        )}
      </fieldset>
    </div>
  );
}

/** What is risky about the code, as far as its syntax shows. */
function Risks(props: { interrupt: IInterrupt; view: IView }): VNode | null {
  const { trans } = props.view;
  const words: { [risk: string]: string } = {
    deletes: trans.__('deletes files'),
    shell: trans.__('runs shell commands'),
    network: trans.__('uses the network'),
    installs: trans.__('installs packages'),
    scripts: trans.__('shows HTML or JavaScript that can act in this page'),
    unseen: trans.__('could not be checked')
  };
  const risks = props.interrupt.metadata?.lobu?.risks ?? [];
  return risks.length === 0 ? null : (
    <p
      class="lobu-risks"
      title={trans.__('Found in the syntax of the code. It may do more, or less.')}
    >
      {trans.__(
        'This code %1',
        listed(
          risks.map(risk => words[risk] ?? risk),
          trans
        )
      )}
    </p>
  );
}

/** `a`, `a and b`, `a, b and c`. */
function listed(parts: string[], trans: ITrans): string {
  const last = parts[parts.length - 1];
  return parts.length < 2 ? last : trans.__('%1 and %2', parts.slice(0, -1).join(', '), last);
}

/** What a person can do with one interrupt. */
export class Controls {
  constructor(
    readonly interrupt: IInterrupt,
    private readonly _view: IView,
    private readonly _here: { current: boolean }
  ) {}

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

  offers(kind: Draft['kind']): boolean {
    return offers(this.interrupt).includes(kind);
  }

  choose(draft: Draft): void {
    this._here.current = true;
    this._view.thread.choose(this.interrupt, draft);
  }

  approve(grant?: Grant): void {
    this.choose(grant ? { kind: 'approve', grant } : { kind: 'approve' });
    this.send();
  }

  /** Give the agent the answer that the person pressed, or begin the reason of a no. */
  option(option: IOption): void {
    if (option.kind.startsWith('allow')) {
      this.choose({ kind: 'approve', option: option.id });
      this.send();
    } else {
      this.choose({ kind: 'reject', reason: '', option: option.id });
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
  }

  send(): void {
    if (!this.together) {
      sendBatch(this._view);
    }
  }

  key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.matches(
      'input, textarea, select, [contenteditable="true"] *, [contenteditable="true"]'
    );
    const card = event.currentTarget as HTMLElement;
    if (event.key === 'Escape' && this.draft !== undefined) {
      this.back();
      card.focus();
    } else if (event.key === 'Enter' && this._sends(event, target, typing)) {
      this._enter();
    } else if (isRejectChord(event) && !typing && this._rejects()) {
      // The reason is written and sent in the form that opens.
    } else if (
      typing ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      !this._letter(event.key)
    ) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
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
    if (event.isComposing || target.matches('button, summary, a')) {
      return false;
    }
    return !typing || target.matches('input') || event.ctrlKey || event.metaKey;
  }

  private _enter(): void {
    if (this.draft === undefined && approvesPlainly(this.interrupt)) {
      this.approve();
    } else if (this.draft !== undefined && this.problem === null) {
      this.send();
    }
  }
}

/** Ctrl+Backspace, on a Mac Command+Backspace: open the form that rejects with a reason. */
export function isRejectChord(event: KeyboardEvent): boolean {
  return event.key === 'Backspace' && (event.ctrlKey || event.metaKey) && !event.altKey;
}

/** Send all decisions, if each is made. */
export function sendBatch(view: IView): void {
  const { thread, trans } = view;
  const entries = batch(thread.asShown, thread.drafts, trans);
  if (entries !== null) {
    void thread.resume(entries);
  }
}

function Buttons(props: { controls: Controls; view: IView }): VNode {
  const { controls, view } = props;
  const { trans } = view;
  if (optionsOf(controls.interrupt).length > 0) {
    return <Options controls={controls} view={view} />;
  }
  return (
    <div class="lobu-buttons">
      {controls.offers('approve') && (
        <button class="lobu-button lobu-primary" onClick={() => controls.approve()}>
          {trans.__('Approve')} <kbd>{KEYS.approve}</kbd>
        </button>
      )}
      {controls.offers('edit') && (
        <button class="lobu-button" onClick={() => controls.edit()}>
          {trans.__('Edit')} <kbd>{KEYS.edit}</kbd>
        </button>
      )}
      {controls.offers('reject') && (
        <button class="lobu-button" onClick={() => controls.reject()}>
          {trans.__('Reject')} <kbd>{KEYS.reject}</kbd>
        </button>
      )}
      {controls.offers('respond') && (
        <button
          class="lobu-button"
          onClick={() => controls.choose({ kind: 'respond', response: '' })}
        >
          {trans.__('Reply without running')}
        </button>
      )}
      <Grants controls={controls} view={view} />
    </div>
  );
}

/** The standing yes of ours. */
export function Grants(props: { controls: Controls; view: IView }): VNode | null {
  const { controls, view } = props;
  return grantable(controls.interrupt) ? (
    <span class="lobu-grants">
      {grantsOf(controls.interrupt, view.trans).map(([grant, words]) => (
        <button key={grant} class="lobu-button lobu-quiet" onClick={() => controls.approve(grant)}>
          {words}
        </button>
      ))}
    </span>
  ) : null;
}

/** The grants that a question may be approved with, and what each gives away. */
function grantsOf(interrupt: IInterrupt, trans: ITrans): [Grant, string][] {
  const tool = visible(interrupt.metadata?.lobu?.toolName ?? '');
  const exact: [Grant, string] = ['call', trans.__('Always allow this exact call in this chat')];
  if (tool === 'run_code') {
    return [
      exact,
      ['thread', trans.__('Always allow simple code in this chat')],
      ['notebook', trans.__('Always allow simple code in this notebook')]
    ];
  }
  return [
    exact,
    ['thread_all', trans.__('Always allow %1 in this chat, whatever it does', tool)],
    ['notebook_all', trans.__('Always allow %1 in this notebook, whatever it does', tool)]
  ];
}

function Form(props: { controls: Controls; view: IView }): VNode {
  const { controls, view } = props;
  const { trans } = view;
  const { problem, together } = controls;
  const draft = controls.draft ?? { kind: 'answer', answers: {} };
  const asks = draft.kind === 'answer';
  const untouched = controls.draft === undefined;
  return (
    <>
      {fields(draft, controls, view)}
      {problem !== null && draft.kind === 'edit' && (
        <p class="lobu-problem" role="alert">
          {problem}
        </p>
      )}
      <div class="lobu-buttons">
        {!together && (
          <button
            class="lobu-button lobu-primary"
            disabled={untouched || problem !== null}
            onClick={() => controls.send()}
          >
            {sendLabel(draft, view)}
          </button>
        )}
        {asks ? (
          controls.offers('reject') && (
            <button class="lobu-button" onClick={() => controls.reject()}>
              {trans.__('Skip')}
            </button>
          )
        ) : (
          <button class="lobu-button" onClick={() => controls.back()}>
            {together ? trans.__('Change') : trans.__('Back')}
          </button>
        )}
      </div>
    </>
  );
}

function fields(draft: Draft, controls: Controls, view: IView): ComponentChild {
  const { trans } = view;
  const { interrupt } = controls;
  switch (draft.kind) {
    case 'approve':
      return <p class="lobu-chosen">{trans.__('Will be approved')}</p>;
    case 'reject':
      return (
        <TextForm
          label={trans.__('Reason (optional)')}
          value={draft.reason}
          focus={controls.focus}
          onChange={reason => controls.choose({ ...draft, reason })}
        />
      );
    case 'respond':
      return (
        <TextForm
          label={trans.__('Reply without running')}
          value={draft.response}
          focus={controls.focus}
          onChange={response => controls.choose({ kind: 'respond', response })}
        />
      );
    case 'edit':
      return (
        <EditForm
          draft={draft}
          code={codeOf(interrupt)}
          focus={controls.focus}
          onChange={edit => controls.choose(edit)}
          view={view}
        />
      );
    case 'answer':
      return (
        <AnswerForm
          draft={draft}
          interrupt={interrupt}
          onChange={answer => controls.choose(answer)}
          view={view}
        />
      );
  }
}

function sendLabel(draft: Draft, view: IView): string {
  const { trans } = view;
  const labels: { [kind in Draft['kind']]: string } = {
    approve: trans.__('Approve'),
    reject: trans.__('Reject and send'),
    edit: trans.__('Approve as edited'),
    respond: trans.__('Reply without running'),
    answer: trans.__('Answer')
  };
  return labels[draft.kind];
}

function Expiry(props: { at: string; view: IView }): VNode {
  const left = Date.parse(props.at) - useNow(true);
  const { trans } = props.view;
  return (
    <p class="lobu-decide-expiry" title={new Date(props.at).toLocaleString()}>
      {left <= 0 ? trans.__('Expired') : trans.__('Expires in %1', span(left, trans))}
    </p>
  );
}

/** `7 days`, `3 hours`, `1 minute`. */
function span(ms: number, trans: ITrans): string {
  const minutes = Math.ceil(ms / 60_000);
  const [hours, days] = [Math.round(minutes / 60), Math.round(minutes / 1440)];
  if (minutes <= 90) {
    return minutes === 1 ? trans.__('1 minute') : trans.__('%1 minutes', minutes);
  }
  return hours < 48 ? trans.__('%1 hours', hours) : trans.__('%1 days', days);
}

/** The one place from which a batch is sent. */
export function BatchBar(props: { view: IView }): VNode | null {
  const { view } = props;
  const { thread, trans } = view;
  const open = thread.state.interrupts;
  if (open.length < 2 || thread.presence === 'deleted') {
    return null;
  }
  const ready = open.filter(one => {
    const draft = thread.drafts.get(one.id);
    return draft !== undefined && problemOf(draft, one, trans) === null;
  }).length;
  const busy = thread.sending || open.some(one => thread.isSent(one.id));
  const all = (draft: Draft): void => {
    for (const one of open) {
      const plain = draft.kind !== 'approve' || approvesPlainly(one);
      if (!thread.drafts.has(one.id) && offers(one).includes(draft.kind) && plain) {
        thread.choose(one, draft);
      }
    }
  };
  return (
    <fieldset class="lobu-batch" disabled={busy} data-lm-suppress-shortcuts="true">
      <span>{trans.__('%1 actions need approval', open.length - ready)}</span>
      <button class="lobu-button" onClick={() => all({ kind: 'approve' })}>
        {trans.__('Approve all')}
      </button>
      <button class="lobu-button" onClick={() => all({ kind: 'reject', reason: '' })}>
        {trans.__('Reject all')}
      </button>
      <button
        class="lobu-button lobu-primary"
        disabled={ready < open.length}
        onClick={() => sendBatch(view)}
      >
        {trans.__('Submit')}
      </button>
    </fieldset>
  );
}
