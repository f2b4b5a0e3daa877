import { digestOf } from '../src/core/digest';
import { batch, Draft, editDraft, entryOf, problemOf } from '../src/core/decide';
import { plainTrans } from '../src/core/host';
import { misfit } from '../src/core/schema';
import { IInterrupt, JsonObject } from '../src/core/wire';
import { asking, started, stateOf, waitingFor } from './events';

const QUESTIONS: JsonObject[] = [
  { id: 'how', question: 'How?', options: ['mean', 'median'], freeText: false },
  { id: 'which', question: 'Which?', options: ['a', 'b', 'c'], multiple: true }
];

function codeCall(): IInterrupt {
  return stateOf(...waitingFor('df.dropna()')).interrupts[0];
}

function question(...questions: JsonObject[]): IInterrupt {
  const lobu = { toolName: 'ask_user', questions, decisions: ['answer', 'reject'] };
  const ask = asking({ id: 'q1', reason: 'input_required', lobu });
  return stateOf(started('r1'), ask).interrupts[0];
}

function edit(draft: Partial<Extract<Draft, { kind: 'edit' }>>): string | null {
  return problemOf({ kind: 'edit', code: 'x', rest: '', ...draft }, codeCall(), plainTrans);
}

test('each decision is the payload that the gateway takes', () => {
  const call = codeCall();
  const payload = (draft: Draft) => entryOf(draft, call).payload;

  expect(entryOf({ kind: 'approve' }, call)).toEqual({
    interruptId: 'i1',
    status: 'resolved',
    payload: { approved: true },
    digest: digestOf(call)
  });
  expect(payload({ kind: 'approve', grant: 'notebook' })).toEqual({
    approved: true,
    grant: 'notebook'
  });
  expect(payload({ kind: 'reject', reason: ' too risky ' })).toEqual({
    approved: false,
    reason: 'too risky'
  });
  expect(payload({ kind: 'reject', reason: ' ' })).toEqual({ approved: false });
  expect(payload({ kind: 'respond', response: '42' })).toEqual({ response: '42' });
  expect(payload({ kind: 'edit', code: 'df', rest: '{"timeout": 5}' })).toEqual({
    approved: true,
    editedArgs: { code: 'df', timeout: 5 }
  });
});

test('an edit starts from the arguments as the agent gave them: code apart from the rest', () => {
  expect(editDraft(codeCall())).toEqual({ kind: 'edit', code: 'df.dropna()', rest: '' });
});

test('A6: edited arguments that do not fit cannot be sent, and say why', () => {
  expect(edit({ code: 'df' })).toBeNull();
  expect(edit({ code: ' ' })).toBe('Write some code.');
  expect(edit({ rest: '{"timeout": ' })).toMatch('Must be JSON');
  expect(edit({ rest: '{"timeout": "long"}' })).toBe('timeout: must be integer');
  expect(edit({ rest: '{"tmeout": 1}' })).toBe('tmeout: is not an argument');
  for (const rest of ['null', '[]', '3', '{}']) {
    expect(edit({ code: null, rest })).not.toBeNull();
  }
});

test('A6: a schema is followed into members, lists, references and alternatives', () => {
  const schema: JsonObject = {
    $defs: {
      point: { type: 'object', properties: { x: { type: 'number', minimum: 0 } }, required: ['x'] }
    },
    type: 'object',
    properties: {
      points: { type: 'array', items: { $ref: '#/$defs/point' } },
      mode: { enum: ['r', 'w'] },
      name: { anyOf: [{ type: 'string' }, { type: 'null' }] }
    }
  };

  expect(misfit({ points: [{ x: 1 }], mode: 'r', name: null }, schema)).toBeNull();
  expect(misfit({ points: [{ x: 1 }, {}] }, schema)).toBe('points[1].x: is missing');
  expect(misfit({ points: [{ x: -1 }] }, schema)).toBe('points[0].x: must be at least 0');
  expect(misfit({ mode: 'a' }, schema)).toBe('mode: must be one of "r", "w"');
  expect(misfit({ name: 1 }, schema)).toMatch('none of the forms');
});

test('A10: every question needs its answer, options and several choices included', () => {
  const asked = question(...QUESTIONS);
  const draft = (answers: { [id: string]: string[] }): Draft => ({ kind: 'answer', answers });

  expect(problemOf(draft({ how: ['mean'] }), asked, plainTrans)).toBe('Answer: Which?');
  expect(problemOf(draft({ how: ['mean'], which: [' '] }), asked, plainTrans)).not.toBeNull();
  const whole = draft({ how: ['mean'], which: ['a', 'other'] });
  expect(problemOf(whole, asked, plainTrans)).toBeNull();
  expect(entryOf(whole, asked).payload).toEqual({
    answers: { how: 'mean', which: ['a', 'other'] }
  });
});

test('A4: a batch is whole or not sent at all', () => {
  const { interrupts } = stateOf(...waitingFor('one()', 'two()'));
  const drafts = new Map<string, Draft>([['i2', { kind: 'approve' }]]);

  expect(batch(interrupts, drafts, plainTrans)).toBeNull();
  drafts.set('i1', { kind: 'edit', code: ' ', rest: '' });
  expect(batch(interrupts, drafts, plainTrans)).toBeNull();
  drafts.set('i1', { kind: 'reject', reason: 'no' });
  expect(batch(interrupts, drafts, plainTrans)?.map(e => e.interruptId)).toEqual(['i1', 'i2']);
});
