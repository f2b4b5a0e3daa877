/** The form of a decision that needs words: a reason, an edit, a reply, answers. */
import { ComponentChild, VNode } from 'preact';
import { codeOf, Draft, planOf } from '../decide';
import { Controls } from './controls';
import { AnswerForm, EditForm, TextForm } from './forms';
import { IView } from './view';

export function Form(props: { controls: Controls; view: IView }): VNode {
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
            {together ? trans.__('Change') : trans.__('Cancel')}
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
          plan={planOf(interrupt) !== null}
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
