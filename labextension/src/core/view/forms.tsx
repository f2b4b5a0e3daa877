/** The forms behind the decisions: a text, edited arguments, answers to questions. */
import { VNode } from 'preact';
import { Draft, questionsOf } from '../decide';
import { IInterrupt, IQuestion } from '../wire';
import { visible } from '../text/visible';
import { CodeEditor, focusOnce } from './editor';
import { Hidden } from './shown';
import { IView } from './view';

export function TextForm(props: {
  label: string;
  value: string;
  focus: boolean;
  onChange: (value: string) => void;
}): VNode {
  return (
    <label class="lobu-field">
      {props.label}
      <input
        class="lobu-input"
        value={props.value}
        onInput={event => props.onChange(event.currentTarget.value)}
        ref={element => focusOnce(element, props.focus)}
      />
    </label>
  );
}

type Edit = Extract<Draft, { kind: 'edit' }>;

export function EditForm(props: {
  draft: Edit;
  /** As the agent wrote it. */
  code: string;
  /** The text is a plan. */
  plan: boolean;
  focus: boolean;
  onChange: (draft: Edit) => void;
  view: IView;
}): VNode {
  const { draft, onChange, view } = props;
  const { trans } = view;
  return (
    <>
      {draft.code !== null && (
        <CodeEditor
          value={draft.code}
          mimeType={props.plan ? 'text/plain' : 'text/x-python'}
          label={props.plan ? trans.__('One step per line') : trans.__('Code to run')}
          focus={props.focus}
          onChange={code => onChange({ ...draft, code })}
          view={view}
        />
      )}
      {draft.code !== null && <Hidden before={props.code} after={draft.code} view={view} />}
      {(draft.code === null || draft.rest !== '') && (
        <CodeEditor
          value={draft.rest}
          mimeType="application/json"
          label={trans.__('Arguments, as JSON')}
          focus={props.focus && draft.code === null}
          onChange={rest => onChange({ ...draft, rest })}
          view={view}
        />
      )}
    </>
  );
}

type Answer = Extract<Draft, { kind: 'answer' }>;

export function AnswerForm(props: {
  draft: Answer;
  interrupt: IInterrupt;
  onChange: (draft: Answer) => void;
  view: IView;
}): VNode {
  const { draft, interrupt, onChange } = props;
  return (
    <>
      {questionsOf(interrupt).map(question => (
        <Question
          key={question.id}
          question={question}
          name={`${interrupt.id}-${question.id}`}
          answer={draft.answers[question.id] ?? []}
          onChange={answer =>
            onChange({
              kind: 'answer',
              answers: { ...draft.answers, [question.id]: answer }
            })
          }
          view={props.view}
        />
      ))}
    </>
  );
}

function Question(props: {
  question: IQuestion;
  name: string;
  answer: string[];
  onChange: (answer: string[]) => void;
  view: IView;
}): VNode {
  const { question, answer, onChange } = props;
  const options = question.options ?? [];
  const own = answer.find(one => !options.includes(one)) ?? '';
  const picked = answer.filter(one => options.includes(one));
  const pick = (option: string, on: boolean): void => {
    if (!question.multiple) {
      onChange([option]);
    } else {
      const others = picked.filter(one => one !== option);
      onChange([...others, ...(on ? [option] : []), ...(own ? [own] : [])]);
    }
  };
  return (
    <fieldset class="lobu-question">
      <legend>{visible(question.question)}</legend>
      {options.map(option => (
        <label key={option} class="lobu-option">
          <input
            type={question.multiple ? 'checkbox' : 'radio'}
            name={props.name}
            checked={picked.includes(option)}
            onChange={event => pick(option, event.currentTarget.checked)}
          />
          {visible(option)}
        </label>
      ))}
      {(question.freeText ?? true) && (
        <input
          class="lobu-input"
          aria-label={
            options.length > 0 ? props.view.trans.__('Another answer') : visible(question.question)
          }
          placeholder={options.length > 0 ? props.view.trans.__('Another answer') : ''}
          value={own}
          onInput={event => {
            const text = event.currentTarget.value;
            onChange([...(question.multiple ? picked : []), ...(text ? [text] : [])]);
          }}
        />
      )}
    </fieldset>
  );
}
