/** A plan: a checklist in the transcript, its line in the panel's head, and the edit of one that is proposed. */
import { render } from 'preact';
import { editDraft, entryOf, problemOf } from '../src/core/decide';
import { plainTrans } from '../src/core/host';
import { Item, IInterrupt, Json } from '../src/core/wire';
import { IView } from '../src/core/view/view';
import { Plain } from '../src/core/view/items';
import { planOf, PlanHead } from '../src/panel/view/plan';

const STEPS: Json = [
  { description: 'Look at the table', status: 'completed' },
  { description: 'Clean\u202e it', status: 'in_progress' },
  { description: 'Plot it' }
];

function plan(steps: Json): Item {
  const content = { steps };
  return { kind: 'activity', id: 'p', runId: 'r', activityType: 'PLAN', content };
}

function prompt(): Item {
  return { kind: 'message', id: 'm', runId: 'r', role: 'user', content: 'go', done: true };
}

function viewOf(items: Item[]): IView {
  const thread = { opened: new Map<string, boolean>(), state: { items } };
  return { thread, trans: plainTrans, redraw: () => undefined } as unknown as IView;
}

function drawn(items: Item[], view = viewOf(items)): HTMLElement {
  const root = document.createElement('div');
  render(<PlanHead view={view} />, root);
  return root;
}

test('the head says in one line how far the plan is, and opens', () => {
  const items = [prompt(), plan(STEPS)];
  const view = viewOf(items);

  const root = drawn(items, view);

  const line = root.querySelector('button');
  expect(line?.textContent).toBe('Plan1 of 3 doneClean\\u202e it');
  expect(line?.getAttribute('aria-expanded')).toBe('false');
  expect(root.querySelector('li')).toBeNull();
  line?.click();
  render(<PlanHead view={view} />, root);
  expect([...root.querySelectorAll('li')].map(li => [li.className, li.textContent])).toEqual([
    ['lobu-plan-completed', 'Look at the table'],
    ['lobu-plan-in_progress', 'Clean\\u202e it'],
    ['lobu-plan-pending', 'Plot it']
  ]);
});

test('the plan of an older message is no plan of this one', () => {
  expect(planOf([prompt(), plan(STEPS)])).toHaveLength(3);
  expect(planOf([prompt(), plan(STEPS), prompt()])).toBeNull();
  expect(drawn([prompt()]).textContent).toBe('');
});

test.each([
  ['text', 'x'],
  ['a list of texts', ['x']],
  ['nothing', []],
  ['a step that says more', [{ description: 'x', run: 'y' }]],
  ['a step of two lines', [{ description: 'x\n[x] y' }]],
  ['a state that is none', [{ description: 'x', status: '__proto__' }]]
])('what is no plan is shown as it came: %s', (_, steps) => {
  const root = document.createElement('div');

  render(<Plain item={plan(steps)} live={false} view={viewOf([])} />, root);

  expect(root.querySelector('details summary')?.textContent).toBe('PLAN');
});

function question(toolName: string, args: { [name: string]: Json }): IInterrupt {
  const lobu = { toolName, args, decisions: ['approve', 'edit', 'reject'] };
  return { id: 'i', reason: 'tool_call', metadata: { lobu } } as unknown as IInterrupt;
}

test('a plan is edited as one step per line', () => {
  const asks = question('plan', { steps: STEPS });

  const draft = editDraft(asks);
  expect(draft).toMatchObject({ code: 'Look at the table\nClean\u202e it\nPlot it', rest: '' });
  const entry = entryOf({ kind: 'edit', code: ' Plot it \n\nSay it', rest: '' }, asks);
  expect(entry.payload).toEqual({
    approved: true,
    editedArgs: { steps: [{ description: 'Plot it' }, { description: 'Say it' }] }
  });
  expect(problemOf({ kind: 'edit', code: ' \n', rest: '' }, asks, plainTrans)).toBe(
    'Must not be empty.'
  );
});

test.each([
  ['another tool', question('deploy', { steps: STEPS })],
  ['more than steps', question('plan', { steps: STEPS, run: 'x' })],
  ['steps that say more', question('plan', { steps: [{ description: 'x', run: 'y' }] })]
])('other arguments are edited as they are: %s', (_, asks) => {
  expect(editDraft(asks)).toMatchObject({ code: null });
});
