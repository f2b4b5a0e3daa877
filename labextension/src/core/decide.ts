/**
 * A person's decisions, from what they chose to what is sent.
 *
 * A draft is a choice that was not sent; a batch is sent when each of its interrupts has a draft
 * without a problem, all at once.
 */
import { digestOf } from './digest';
import { ITrans } from './host';
import { rounded } from './json';
import { misfit } from './schema';
import { IPlanStep, stepsOf } from './text/plan';
import { visibleJson } from './text/visible';
import {
  DecisionKind,
  Grant,
  IInterrupt,
  IOption,
  IQuestion,
  IResumeEntry,
  Json,
  JsonObject
} from './wire';

/** `code` and `rest` (JSON text) are the two halves of edited arguments. */
export type Draft =
  | { kind: 'approve'; grant?: Grant; option?: string }
  | { kind: 'reject'; reason: string; option?: string }
  | { kind: 'edit'; code: string | null; rest: string }
  | { kind: 'respond'; response: string }
  | { kind: 'answer'; answers: { [question: string]: string[] } };

/** The agent asks, rather than wants to do something. */
export function isQuestion(interrupt: IInterrupt): boolean {
  return offers(interrupt).includes('answer');
}

/** The decisions that an interrupt takes. */
export function offers(interrupt: IInterrupt): DecisionKind[] {
  const asked = interrupt.reason === 'input_required';
  const { decisions, unshown } = interrupt.metadata?.lobu ?? {};
  const kinds: DecisionKind[] =
    decisions ?? (asked ? ['answer', 'reject'] : ['approve', 'edit', 'reject']);
  return unshown ? kinds.filter(kind => kind !== 'approve' && kind !== 'edit') : kinds;
}

/** The answers of an outside agent; none where Approve and Reject are all. */
export function optionsOf(interrupt: IInterrupt): IOption[] {
  return interrupt.metadata?.lobu?.options ?? [];
}

/** Is there a yes for just this call, so that a plain Approve says enough? */
export function approvesPlainly(interrupt: IInterrupt): boolean {
  const options = optionsOf(interrupt);
  const plain = options.some(option => option.plain && option.kind.startsWith('allow'));
  return offers(interrupt).includes('approve') && (options.length === 0 || plain);
}

/** May the person approve such calls once and for all? */
export function grantable(interrupt: IInterrupt): boolean {
  return approvesPlainly(interrupt) && !interrupt.metadata?.lobu?.noGrant;
}

export function argsOf(interrupt: IInterrupt): JsonObject {
  return interrupt.metadata?.lobu?.args ?? {};
}

/** The code that the call would run; empty where it has none. */
export function codeOf(interrupt: IInterrupt): string {
  const { code } = argsOf(interrupt);
  return typeof code === 'string' ? code : '';
}

export function questionsOf(interrupt: IInterrupt): IQuestion[] {
  return interrupt.metadata?.lobu?.questions ?? [];
}

/** The steps of a plan that the question is about, and nothing else; its edit is one step per line. */
export function planOf(interrupt: IInterrupt): IPlanStep[] | null {
  const { steps, ...rest } = argsOf(interrupt);
  const is = interrupt.metadata?.lobu?.toolName === 'plan' && Object.keys(rest).length === 0;
  return is ? stepsOf(steps) : null;
}

/** A draft to edit the arguments as they are. */
export function editDraft(interrupt: IInterrupt): Draft {
  const steps = planOf(interrupt);
  if (steps !== null) {
    return { kind: 'edit', code: steps.map(step => step.text).join('\n'), rest: '' };
  }
  const { code, ...rest } = argsOf(interrupt);
  if (typeof code === 'string') {
    return { kind: 'edit', code, rest: pretty(rest) };
  }
  return { kind: 'edit', code: null, rest: pretty(argsOf(interrupt)) };
}

/** Why a draft cannot be sent, in words, or null. */
export function problemOf(draft: Draft, interrupt: IInterrupt, trans: ITrans): string | null {
  switch (draft.kind) {
    case 'edit':
      return editProblem(draft, interrupt, trans);
    case 'respond':
      return draft.response.trim() ? null : trans.__('Write a reply.');
    case 'approve':
      return draft.option || approvesPlainly(interrupt)
        ? null
        : trans.__('Choose one of the agent’s answers.');
    case 'answer':
      return answerProblem(draft.answers, questionsOf(interrupt), trans);
    default:
      return null;
  }
}

/** What to send for a draft that has no problem. */
export function entryOf(draft: Draft, interrupt: IInterrupt): IResumeEntry {
  return {
    interruptId: interrupt.id,
    status: 'resolved',
    payload: payloadOf(draft, interrupt),
    digest: digestOf(interrupt)
  };
}

/** The one submit of a batch: entries for all open interrupts, or null while one is undecided. */
export function batch(
  interrupts: IInterrupt[],
  drafts: Map<string, Draft>,
  trans: ITrans
): IResumeEntry[] | null {
  const entries: IResumeEntry[] = [];
  for (const interrupt of interrupts) {
    const draft = drafts.get(interrupt.id);
    if (draft === undefined || problemOf(draft, interrupt, trans) !== null) {
      return null;
    }
    entries.push(entryOf(draft, interrupt));
  }
  return entries;
}

function payloadOf(draft: Draft, interrupt: IInterrupt): JsonObject {
  switch (draft.kind) {
    case 'approve':
      return {
        approved: true,
        ...(draft.grant ? { grant: draft.grant } : {}),
        ...(draft.option ? { option: draft.option } : {})
      };
    case 'reject':
      return {
        approved: false,
        ...(draft.reason.trim() ? { reason: draft.reason.trim() } : {}),
        ...(draft.option ? { option: draft.option } : {})
      };
    case 'edit':
      return { approved: true, editedArgs: editedArgs(draft, interrupt) };
    case 'respond':
      return { response: draft.response };
    case 'answer':
      return { answers: answersOf(draft.answers, questionsOf(interrupt)) };
  }
}

type Edit = Extract<Draft, { kind: 'edit' }>;

function editedArgs(draft: Edit, interrupt: IInterrupt): JsonObject {
  if (planOf(interrupt) !== null) {
    const lines = (draft.code ?? '').split('\n').map(line => line.trim());
    return { steps: lines.filter(Boolean).map(description => ({ description })) };
  }
  const rest = JSON.parse(draft.rest.trim() || '{}') as JsonObject;
  return draft.code === null ? rest : { ...rest, code: draft.code };
}

function editProblem(draft: Edit, interrupt: IInterrupt, trans: ITrans): string | null {
  if (interrupt.metadata?.lobu?.argsText) {
    return trans.__(
      'Your browser would round a number here. Edit these arguments in the terminal.'
    );
  }
  const long = rounded(draft.rest);
  if (long !== null) {
    return trans.__(
      'Your browser would round %1. Write it as a string, or edit in the terminal.',
      long
    );
  }
  let args: JsonObject;
  try {
    args = editedArgs(draft, interrupt);
  } catch (error) {
    return trans.__('Must be JSON: %1', (error as Error).message);
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    return trans.__('Must be a JSON object.');
  }
  if (Object.keys(args).length === 0) {
    return trans.__('Must not be empty.');
  }
  if (draft.code !== null && !draft.code.trim()) {
    return planOf(interrupt) === null
      ? trans.__('Write some code.')
      : trans.__('Must not be empty.');
  }
  return misfit(args, interrupt.metadata?.lobu?.argsSchema ?? {});
}

function answerProblem(
  answers: { [question: string]: string[] },
  questions: IQuestion[],
  trans: ITrans
): string | null {
  const missing = questions.find(q => chosen(answers, q).length === 0);
  return missing ? trans.__('Answer: %1', missing.question) : null;
}

function answersOf(answers: { [question: string]: string[] }, questions: IQuestion[]): JsonObject {
  const wire: [string, Json][] = questions.map(question => {
    const given = chosen(answers, question);
    return [question.id, question.multiple ? given : (given[0] ?? '')];
  });
  return Object.fromEntries(wire);
}

function chosen(answers: { [question: string]: string[] }, question: IQuestion): string[] {
  return (answers[question.id] ?? []).map(a => a.trim()).filter(a => a !== '');
}

function pretty(value: JsonObject): string {
  return Object.keys(value).length === 0 ? '' : visibleJson(value);
}
