import { digestOf } from '../src/core/digest';
import { readState } from '../src/core/savedcopy';
import { IRootProps, mount } from '../src/core/view/root';
import { IResumeEntry, IState, JsonObject } from '../src/core/wire';
import {
  asking,
  called,
  custom,
  decided,
  finished,
  said,
  started,
  stateOf,
  waitingFor
} from './events';
import { FakeServer, journal, reply, settled } from './fakes';

let unmount = (): void => undefined;

beforeEach(() => {
  window.requestAnimationFrame = draw => Number(setTimeout(() => draw(0), 0));
  window.cancelAnimationFrame = frame => clearTimeout(frame);
});

afterEach(() => {
  unmount();
  document.body.replaceChildren();
});

async function drawn(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

async function show(state: IState, more: Partial<IRootProps> = {}, server = new FakeServer()) {
  const element = document.body.appendChild(document.createElement('div'));
  server.answers.set('GET threads/t/snapshot', reply(200, state));
  unmount = mount(element, {
    page: server.page,
    threadId: 't',
    runId: null,
    composer: 'always',
    ...more
  });
  await drawn();
  server.channel?.open();
  await drawn();
  const tell = async (...events: object[]): Promise<void> => {
    const { cursor } = server.page.thread('t').state;
    server.channel.events('t', ...journal(cursor + 1, ...events));
    await drawn();
  };
  return { element, server, tell };
}

/** A saved copy of a run, on a server that does not have its thread. */
async function showSaved(saved: IState): Promise<HTMLElement> {
  const { page } = new FakeServer();
  const element = document.body.appendChild(document.createElement('div'));
  unmount = mount(element, { page, threadId: 't', runId: 'r1', saved, composer: 'waiting' });
  await drawn();
  return element;
}

function button(name: RegExp): HTMLButtonElement {
  const found = [...document.querySelectorAll('button')].filter(b =>
    name.test(b.textContent ?? '')
  );
  if (found.length !== 1) {
    throw new Error(
      `${found.length} buttons ${String(name)} in ${document.body.textContent ?? ''}`
    );
  }
  return found[0];
}

async function click(name: RegExp): Promise<void> {
  button(name).click();
  await drawn();
}

async function type(selector: string, value: string): Promise<void> {
  const field = document.querySelector<HTMLInputElement>(selector);
  if (field === null) {
    throw new Error(`no ${selector}`);
  }
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await drawn();
}

async function press(
  key: string,
  selector = '.lobu-decide',
  more: KeyboardEventInit = {}
): Promise<void> {
  const target = document.querySelector(selector);
  target?.dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
  );
  await drawn();
}

/** The decisions that were sent; each carries the digest of its question. */
function sent(server: FakeServer): unknown {
  return server.callsTo('threads/t/resume').map(call =>
    (call.body as { resume: IResumeEntry[] }).resume.map(({ digest, ...entry }) => {
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      return entry;
    })
  );
}

test('no finished block or card is replaced while a text streams', async () => {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(0); // no parse is slow, on any machine
  const { element, tell } = await show(
    stateOf(started('r1', 'go'), ...called('c1', 'run_code', { code: 'x' }), {
      type: 'TOOL_CALL_RESULT',
      toolCallId: 'c1',
      content: 'ok'
    })
  );
  await tell(...said('a1', 'First.\n\n', 'Sec').slice(0, 3));
  const removed: Node[] = [];
  new MutationObserver(changes => changes.forEach(c => removed.push(...c.removedNodes))).observe(
    element,
    {
      childList: true,
      subtree: true
    }
  );
  const card = element.querySelector('.lobu-card');
  const [first, second] = element.querySelectorAll('.lobu-block p');

  for (const delta of ['ond **', 'bold** and', ' more.\n\n', '- a\n', '- b\n\n', 'End']) {
    await tell({ type: 'TEXT_MESSAGE_CONTENT', messageId: 'a1', delta });
  }

  expect(element.querySelector('.lobu-card')).toBe(card);
  expect(element.querySelectorAll('.lobu-block p')[0]).toBe(first);
  expect(element.querySelectorAll('.lobu-block p')[1]).toBe(second);
  expect(second.textContent).toBe('Second bold and more.');
  expect(removed.filter(node => node.nodeType === Node.ELEMENT_NODE)).toEqual([]);
  clock.mockRestore();
});

test.each([
  ['always', 'word 199'],
  ['waiting', 'word 0']
] as const)('a long thread shows one end at once (%s), the rest follows', async (composer, end) => {
  const held: FrameRequestCallback[] = [];
  window.requestAnimationFrame = draw => held.push(draw);
  const words = Array.from({ length: 200 }, (_, n) => said(`m${n}`, `word ${n}`)).flat();
  const { element } = await show(stateOf(started('r', 'go'), ...words), { composer });
  const shown: string[][] = [];

  while (held.length > 0) {
    held.splice(0).forEach(draw => draw(0));
    await drawn();
    const texts = [...element.querySelectorAll('.lobu-assistant')].map(one => one.textContent);
    shown.push(texts.map(text => text?.trim() ?? ''));
  }

  const [first] = shown.filter(texts => texts.length > 0);
  expect(first).toContain(end);
  expect(first.length).toBeLessThan(100);
  expect(shown[shown.length - 1]).toEqual(Array.from({ length: 200 }, (_, n) => `word ${n}`));
});

test('E29: what has no card of its own is shown raw', async () => {
  const { element } = await show(
    stateOf(
      started('r1', 'go'),
      { type: 'RAW', event: { type: 'BRAND_NEW' } },
      { type: 'SOMETHING_ELSE', x: 1 },
      custom('someone.else', { y: 2 }),
      { type: 'ACTIVITY_SNAPSHOT', messageId: 'p', activityType: 'PLAN', content: { z: 3 } },
      { type: 'REASONING_MESSAGE_START', messageId: 'q' },
      { type: 'REASONING_MESSAGE_CONTENT', messageId: 'q', delta: 'pondering' }
    )
  );

  for (const text of ['BRAND_NEW', 'SOMETHING_ELSE', 'someone.else', 'PLAN', 'pondering']) {
    expect(element.textContent).toMatch(text);
  }
});

test('E9: an interrupt that comes while a view attaches shows its controls once', async () => {
  const { element, tell } = await show(stateOf(...waitingFor('x').slice(0, -1)));

  await tell(...waitingFor('x').slice(-1));

  expect(element.querySelectorAll('.lobu-decide')).toHaveLength(1);
  expect(element.querySelectorAll('.lobu-card')).toHaveLength(1);
});

test('keys on the card decide: a approves, once', async () => {
  const { server } = await show(stateOf(...waitingFor('x')));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  await press('a');
  await press('a');

  expect(sent(server)).toEqual([
    [{ interruptId: 'i1', status: 'resolved', payload: { approved: true } }]
  ]);
});

test('keys on the card decide: r, a reason, Enter; and Escape goes back', async () => {
  const { element, server } = await show(stateOf(...waitingFor('x')));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  await press('r');
  await press('Escape', '.lobu-decide input');
  expect(element.querySelector('.lobu-decide input')).toBeNull();

  await press('r');
  await type('.lobu-decide input', 'not now');
  await press('Enter', '.lobu-decide input');

  expect(sent(server)).toEqual([
    [{ interruptId: 'i1', status: 'resolved', payload: { approved: false, reason: 'not now' } }]
  ]);
});

test('A6: edited code is sent as it was edited, and not at all while it does not fit', async () => {
  const { server } = await show(stateOf(...waitingFor('df.dropna()')));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  await press('e');
  await type('.lobu-decide textarea', ' ');
  expect(button(/Approve as edited/).disabled).toBe(true);
  await press('Enter', '.lobu-decide textarea', { ctrlKey: true });
  expect(sent(server)).toEqual([]);

  await type('.lobu-decide textarea', 'df.fillna(0)');
  await click(/Approve as edited/);

  expect(sent(server)).toEqual([
    [
      {
        interruptId: 'i1',
        status: 'resolved',
        payload: { approved: true, editedArgs: { code: 'df.fillna(0)' } }
      }
    ]
  ]);
});

test('A5: only what the interrupt offers has a button', async () => {
  await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'mail', { to: 'ada' }),
      asking({
        id: 'i1',
        toolCallId: 'c1',
        lobu: { decisions: ['approve', 'respond'], noGrant: true }
      })
    )
  );

  const names = [...document.querySelectorAll('.lobu-decide button')].map(b => b.textContent);
  expect(names).toEqual(['Approve', '…']);
  await click(/…/);
  const more = [...document.querySelectorAll('[role=menuitem]')].map(b => b.textContent);
  expect(more).toEqual(['Reply without running']);
});

test("an outside agent's answers are the buttons, and a key never takes one that it remembers", async () => {
  const options = [
    { id: 'ever', name: 'Yes, always', kind: 'allow_always' },
    { id: 'never', name: 'No, never', kind: 'reject_always' }
  ];
  const { server } = await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'codex__edit', { path: 'a.txt' }),
      asking({
        id: 'i1',
        toolCallId: 'c1',
        lobu: { decisions: ['approve', 'reject'], options, noGrant: true }
      })
    )
  );

  const names = [...document.querySelectorAll('.lobu-decide button')].map(b => b.textContent);
  expect(names).toEqual([
    'Yes, always (remembered by the agent)',
    'No, never (remembered by the agent)'
  ]);
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );
  await press('a');
  expect(sent(server)).toEqual([]);
  await click(/Yes, always/);
  expect(sent(server)).toMatchObject([
    [{ interruptId: 'i1', payload: { approved: true, option: 'ever' } }]
  ]);
});

test.each(['run_code', 'write_file', 'robot__execute'])(
  'the exact call of %s can be approved for good',
  async tool => {
    const plain = { id: 'yes', name: 'Yes', kind: 'allow_once', plain: true };
    const options = tool === 'robot__execute' ? [plain] : [];
    const lobu = { decisions: ['approve', 'reject'], options };
    const { server } = await show(
      stateOf(
        started('r1', 'go'),
        ...called('c1', tool, { code: 'x' }),
        asking({ id: 'i1', toolCallId: 'c1', lobu })
      )
    );
    server.answers.set(
      'POST threads/t/resume',
      reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
    );

    await click(/^…$/);
    await click(/^Always allow this exact call in this chat$/);

    expect(sent(server)).toMatchObject([
      [{ interruptId: 'i1', payload: { approved: true, grant: 'call' } }]
    ]);
  }
);

test('a batch is decided in one place and sent once', async () => {
  const { element, server } = await show(stateOf(...waitingFor('one()', 'two()')));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 8 })
  );
  const cards = [...element.querySelectorAll<HTMLElement>('.lobu-decide')];

  cards[0].querySelectorAll('button')[0].click();
  await drawn();
  expect(button(/Submit/).disabled).toBe(true);
  expect(sent(server)).toEqual([]);
  await click(/Reject all/);
  await click(/Submit/);

  expect(sent(server)).toEqual([
    [
      { interruptId: 'i1', status: 'resolved', payload: { approved: true } },
      { interruptId: 'i2', status: 'resolved', payload: { approved: false } }
    ]
  ]);
});

test('questions are answered by options and text, all of them', async () => {
  const questions: JsonObject[] = [
    { id: 'how', question: 'How?', options: ['mean', 'median'], freeText: false },
    { id: 'name', question: 'Name?' }
  ];
  const lobu = { toolName: 'ask_user', questions, decisions: ['answer', 'reject'] };
  const ask = asking({ id: 'q1', toolCallId: 'c1', reason: 'input_required', lobu });
  const { server } = await show(stateOf(started('r1', 'go'), ...called('c1', 'ask_user', {}), ask));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 8 })
  );

  expect(button(/^Answer$/).disabled).toBe(true);
  document.querySelectorAll<HTMLInputElement>('input[type=radio]')[1].click();
  await drawn();
  await type('.lobu-question .lobu-input', 'Ada');
  await click(/^Answer$/);

  expect(sent(server)).toEqual([
    [
      {
        interruptId: 'q1',
        status: 'resolved',
        payload: { answers: { how: 'median', name: 'Ada' } }
      }
    ]
  ]);
});

test('a message that is typed while the agent waits is queued and decides nothing', async () => {
  const { element, server } = await show(stateOf(...waitingFor('x')));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r2', threadId: 't', cursor: 5 }));
  const area = '.lobu-composer textarea';
  expect(element.querySelector<HTMLTextAreaElement>(area)?.placeholder).toBe('Queue a message…');

  await type(area, 'use polars');
  await press('Enter', area);

  expect(sent(server)).toEqual([]);
  expect(
    server.calls.filter(call => call.path === 'threads/t/runs').map(call => call.body)
  ).toEqual([expect.objectContaining({ prompt: 'use polars', ifRunning: 'queue' })]);
  expect(element.querySelector('.lobu-queued')?.textContent).toMatch(/use polars.*Queued.*Remove/);
});

test('an answer that is typed as a message while the agent asks is queued too', async () => {
  const lobu = { questions: [{ id: 'name', question: 'Name?' }], decisions: ['answer', 'reject'] };
  const ask = asking({ id: 'q1', toolCallId: 'c1', reason: 'input_required', lobu });
  const { server } = await show(stateOf(started('r1', 'go'), ...called('c1', 'ask_user', {}), ask));
  const area = '.lobu-composer textarea';
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r2', threadId: 't', cursor: 5 }));

  await type(area, 'Ada');
  await press('Enter', area);

  expect(sent(server)).toEqual([]);
  expect(server.callsTo('threads/t/runs')).toHaveLength(1);
});

test('Ctrl+Backspace on the card opens the rejection, which only its own button sends', async () => {
  const { element, server } = await show(stateOf(...waitingFor('x')));
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  chord('.lobu-composer textarea'); // deletes a word there
  await drawn();
  expect(element.querySelector('.lobu-decide input')).toBeNull();
  chord('.lobu-decide');
  await drawn();
  expect(sent(server)).toEqual([]);
  await type('.lobu-decide input', 'no');
  chord('.lobu-decide input');
  await click(/^Reject and send$/);

  expect(sent(server)).toEqual([
    [{ interruptId: 'i1', status: 'resolved', payload: { approved: false, reason: 'no' } }]
  ]);
});

function chord(selector: string): void {
  document.querySelector(selector)!.dispatchEvent(
    new KeyboardEvent('keydown', {
      key: 'Backspace',
      ctrlKey: true,
      bubbles: true,
      cancelable: true
    })
  );
}

test('a form that opens in one view does not take the focus to another', async () => {
  const { element, server } = await show(stateOf(...waitingFor('x')));
  const other = document.body.appendChild(document.createElement('div'));
  const end = mount(other, { page: server.page, threadId: 't', runId: 'r1', composer: 'waiting' });
  await drawn();

  await press('r');

  expect(element.querySelector('.lobu-decide input')).toBe(document.activeElement);
  expect(other.querySelector('.lobu-decide input')).not.toBeNull();
  end();
});

test('a card that was decided elsewhere says by whom, and has no controls left', async () => {
  const { element, tell } = await show(stateOf(...waitingFor('x')));
  await press('r');

  await tell(started('r2', undefined, 'r1'), decided('i1', 'c1', 'approve', 'grace'));

  expect(element.querySelector('.lobu-decide')).toBeNull();
  expect(element.textContent).toMatch('Approved by grace');
});

test('A33: after a kernel restart the card says, before the decision, that the variables are gone', async () => {
  const { element, tell } = await show(stateOf(...waitingFor('x')));

  await tell(custom('lobu.kernel', { what: 'restarted', message: 'The kernel was restarted.' }));

  expect(element.querySelector('.lobu-decide')?.textContent).toMatch(
    'Variables this code needs may be missing'
  );
});

test('an expired question says so and takes no decision', async () => {
  const { element, tell } = await show(stateOf(...waitingFor('x')));

  await tell(
    custom('lobu.closed', {
      interruptIds: ['i1'],
      toolCallIds: ['c1'],
      why: 'expired',
      message: 'Nobody answered.'
    })
  );

  expect(element.querySelector('.lobu-decide')).toBeNull();
  expect(element.textContent).toMatch('Nobody answered.');
});

test('A26: the result lands on its own card, what comes later below it', async () => {
  const { element, tell } = await show(stateOf(...waitingFor('x')), {
    runId: 'r1',
    composer: 'waiting'
  });

  await tell(
    started('r2', undefined, 'r1'),
    decided('i1', 'c1', 'approve'),
    custom('lobu.output', {
      toolCallId: 'c1',
      index: 0,
      output: { output_type: 'error', ename: 'KeyError', evalue: 'x', traceback: ['tb'] }
    }),
    { type: 'TOOL_CALL_RESULT', toolCallId: 'c1', content: 'failed' },
    ...said('a1', 'Sorry.'),
    finished()
  );

  const entries = [...element.querySelectorAll('.lobu-entry')].map(e => e.textContent ?? '');
  expect(entries).toHaveLength(2); // the prompt is the cell's
  expect(entries[0]).toMatch('KeyError');
  expect(entries[1].trim()).toBe('Sorry.');
});

test('a failed run shows its error, what to do, and a Retry that takes its place', async () => {
  const retried: string[] = [];
  const state = stateOf(started('r1', 'plot it'), {
    type: 'RUN_ERROR',
    code: 'kernel_died',
    message: 'The kernel died. Run your cells again.'
  });
  const { element, server } = await show(state, { runId: 'r1', onRetry: id => retried.push(id) });
  server.answers.set('GET runs/r1', reply(200, { runId: 'r1', agent: 'script', model: null }));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r9', threadId: 't', cursor: 2 }));
  expect(element.textContent).toMatch('Run your cells again.');

  await click(/Retry/);

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({
    prompt: 'plot it',
    agent: 'script'
  });
  expect(retried).toEqual(['r9']);
});

test('E19: an answer that was cut off is marked, and goes on below what is there', async () => {
  const more: string[] = [];
  const state = stateOf(started('r1', 'tell it'), ...said('a1', 'Once upon'), {
    type: 'RUN_ERROR',
    code: 'server_restarted',
    message: 'The server was restarted.'
  });
  const { element, server } = await show(state, { runId: 'r1', onMore: id => more.push(id) });
  server.answers.set('GET runs/r1', reply(200, { runId: 'r1', agent: 'script', model: 'm' }));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r9', threadId: 't', cursor: 5 }));
  expect(element.querySelector('.lobu-standing')?.textContent).toMatch('Interrupted');

  await click(/Continue/);

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({ agent: 'script', model: 'm' });
  expect(more).toEqual(['r9']);
});

function usage(model: string, inputTokens: number, outputTokens: number, cost?: number): object {
  return { model, inputTokens, outputTokens, metadata: cost === undefined ? {} : { cost } };
}

test('an answer stands with its model, its tokens and its price, over its decisions', async () => {
  const first = {
    ...asking({ id: 'q1', toolCallId: 'c1' }),
    usage: [usage('gpt-5', 900, 20, 0.002)]
  };
  const last = { ...finished(), usage: [usage('gpt-5', 1100, 30, 0.0022)] };
  const state = stateOf(
    started('r1', 'go'),
    ...called('c1', 'run_code', { code: 'x' }),
    first,
    started('r2', undefined, 'r1'),
    decided('q1', 'c1', 'approve'),
    ...said('a1', 'Done.'),
    last,
    started('r3', 'more'),
    ...said('a2', 'More.'),
    { ...finished(), usage: [usage('gpt-5', 10, 5, 0), usage('local', 1, 1)] }
  );

  const { element } = await show(state);

  const [one, two] = element.querySelectorAll<HTMLElement>('.lobu-answered');
  expect(one.textContent).toBe('gpt-5 · 2.0k in · 50 out · $0.0042');
  expect(one.title).toMatch('This chat: 2.0k in · 56 out · at least $0.0042');
  expect(two.textContent).toBe('gpt-5, local · 11 in · 6 out · price not known');
  expect(element.querySelectorAll('.lobu-answered')).toHaveLength(2);
});

test('a saved copy keeps the model of its answer, also where its runs name each other', async () => {
  const state = stateOf(started('r1', 'go'), ...said('a1', 'Done.'), {
    ...finished(),
    usage: [usage('gpt-5', 900, 20, 0.002)]
  });
  state.runs[0].parentRunId = 'r1';

  const element = await showSaved(JSON.parse(JSON.stringify(readState(state))) as IState);

  expect(element.querySelector('.lobu-answered')?.textContent).toBe(
    'gpt-5 · 900 in · 20 out · $0.0020'
  );
});

test('an answer that the model did not finish says so, and goes on where it stopped', async () => {
  const more: string[] = [];
  const words = "The answer was cut at the model's limit.";
  const state = stateOf(
    started('r1', 'tell it'),
    ...said('a1', 'Once upon'),
    custom('lobu.cut', { reason: 'length', message: words }),
    finished()
  );
  const { element, server, tell } = await show(state, { runId: 'r1', onMore: id => more.push(id) });
  server.answers.set('GET runs/r1', reply(200, { runId: 'r1', agent: 'script', model: 'm' }));
  server.answers.set('POST threads/t/runs', reply(202, { runId: 'r9', threadId: 't', cursor: 5 }));
  expect(element.querySelector('.lobu-warning')?.textContent).toBe(words);
  expect(element.querySelector('.lobu-standing')?.textContent).toMatch('Incomplete');

  await click(/Continue/);

  expect(server.callsTo('threads/t/runs')[0].body).toMatchObject({
    prompt: 'Continue where you stopped.',
    agent: 'script',
    model: 'm'
  });
  expect(more).toEqual(['r9']);

  await tell(started('r9', 'Continue where you stopped.'), ...said('a2', 'a time.'), finished());

  expect(server.page.thread('t').state.runs.map(run => run.cut)).toEqual(['length', undefined]);
});

test('a saved copy says that its answer was cut, without a button', async () => {
  const words = "The answer was cut at the model's limit.";
  const state = stateOf(
    started('r1', 'go'),
    ...said('a1', 'Once'),
    custom('lobu.cut', { reason: 'length', message: words }),
    finished()
  );

  const element = await showSaved(state);

  expect(element.textContent).toMatch(words);
  expect(element.querySelectorAll('.lobu-status button')).toHaveLength(0);
});

test('an answer of which nothing came has nothing to continue', async () => {
  await show(
    stateOf(started('r1', 'go'), { type: 'RUN_ERROR', code: 'worker_died', message: 'It died.' }),
    { runId: 'r1' }
  );

  expect(document.querySelectorAll('.lobu-status button')).toHaveLength(1);
  button(/Retry/);
});

test('W17: after the kernel died, what had run can be rebuilt, and what had not cannot', async () => {
  const more: string[] = [];
  const died = { type: 'RUN_ERROR', code: 'kernel_died', message: 'The kernel died.' };
  const ok = { metadata: { lobu: { ok: true } } };
  const ran = [
    ...called('c1', 'run_code', { code: 'x = 1' }),
    { type: 'TOOL_CALL_RESULT', toolCallId: 'c1', content: 'ran', ...ok }
  ];
  const { server, tell } = await show(stateOf(started('r1', 'go'), died), {
    runId: 'r1',
    onMore: id => more.push(id)
  });
  server.answers.set('POST threads/t/rebuild', reply(202, { runId: 'r9', threadId: 't' }));
  expect(document.querySelector('.lobu-status')?.textContent).not.toMatch('Rebuild');

  await tell(started('r2', 'run'), ...ran, finished(), started('r3', 'more'), died);
  await click(/Rebuild/);

  expect(more).toEqual(['r9']);
});

test('E27: a cut connection is no error; the line says when it tries again', async () => {
  const { element, server } = await show(stateOf(started('r1', 'go')));

  server.channel.drop();
  await drawn();

  expect(element.querySelector('.lobu-connection')?.textContent).toMatch(/Reconnecting in \d+ s/);
  expect(element.querySelector('.lobu-error, [role=alert]')).toBeNull();
  expect(button(/Stop/).disabled).toBe(true);
});

test('no Stop and no spinner where nothing runs', async () => {
  const { element } = await show(stateOf(started('r1', 'go'), ...said('a1', 'Hi'), finished()));

  expect(element.querySelector('.lobu-run-running')).toBeNull();
  expect([...element.querySelectorAll('button')].map(b => b.textContent)).toEqual(['Send']);
});

test('Stop cancels the run that is shown, and says that it is stopping until it has stopped', async () => {
  const { element, server, tell } = await show(stateOf(started('r1', 'go')), {
    runId: 'r1',
    composer: 'waiting'
  });
  server.answers.set('POST runs/r1/cancel', reply(200, { runId: 'r1' }));

  await click(/Stop/);
  expect(element.textContent).toMatch('Stopping');
  await tell({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } });

  expect(element.textContent).toMatch('Stopped');
  expect(element.querySelector('button')).toBeNull();
});

test('E26: a deleted thread keeps what it showed and says so once', async () => {
  const { element, server } = await show(stateOf(started('r1', 'go'), ...said('a1', 'kept')));
  const error = { code: 'thread_not_found', message: 'There is no such thread.' };

  server.channel.say({ type: 'error', threadId: 't', error });
  await drawn();

  expect(element.textContent).toMatch('kept');
  expect(element.querySelectorAll('.lobu-standing')).toHaveLength(1);
  expect(element.querySelector('.lobu-standing')?.textContent).toMatch('deleted');
});

test('a colleague without the thread reads the copy that the notebook saved', async () => {
  const element = await showSaved(
    stateOf(started('r1', 'go'), ...said('a1', 'from the notebook'), finished())
  );

  expect(element.textContent).toMatch('from the notebook');
  expect(element.textContent).toMatch('Saved output');
  expect(element.querySelector('button')).toBeNull();
});

test('E26: what was open when a copy was saved, or in a deleted thread, has no button that means nothing', async () => {
  const element = await showSaved(stateOf(...waitingFor('1 + 1')));

  expect(element.textContent).toMatch('Saved output');
  expect(element.textContent).toMatch('Not run');
  expect(element.textContent).not.toMatch('Needs approval');
  expect(element.querySelector('button:not(.lobu-card-head), fieldset, .lobu-decide')).toBeNull();
  unmount();

  const deleted = await show(stateOf(...waitingFor('1 + 1', '2 + 2')));
  expect(deleted.element.textContent).toMatch('Needs approval');
  const error = { code: 'thread_not_found', message: 'There is no such thread.' };
  deleted.server.channel.say({ type: 'error', threadId: 't', error });
  await drawn();

  expect(deleted.element.textContent).not.toMatch('Needs approval');
  expect(
    deleted.element.querySelector('button:not(.lobu-card-head), fieldset, .lobu-decide')
  ).toBeNull();
});

test('a cell output shows its own run only, and what resumed it', async () => {
  const { element } = await show(
    stateOf(
      started('r0', 'before'),
      ...said('a0', 'other run'),
      finished(),
      ...waitingFor('x'),
      started('r2', undefined, 'r1'),
      ...said('a2', 'resumed'),
      finished(),
      started('r3', 'after'),
      ...said('a3', 'later run'),
      finished()
    ),
    { runId: 'r1', composer: 'waiting' }
  );

  expect(element.textContent).toMatch('resumed');
  expect(element.textContent).not.toMatch(/other run|later run/);
});

test('a queued run says that it waits its turn, and can be withdrawn', async () => {
  const server = new FakeServer();
  server.answers.set('GET runs/r2', reply(200, { runId: 'r2', status: 'queued' }));
  const { element } = await show(
    stateOf(started('r1', 'go')),
    { runId: 'r2', composer: 'waiting' },
    server
  );
  server.answers.set('POST runs/r2/cancel', reply(200, { runId: 'r2' }));

  expect(element.textContent).toMatch('Queued');
  await click(/Stop/);

  expect(server.callsTo('runs/r2/cancel')).toHaveLength(1);
});

test('a question that is not the one that was shown is shown anew, and nothing is decided', async () => {
  const { element, server } = await show(stateOf(...waitingFor('harmless()')));
  const [asked] = stateOf(...waitingFor('shutil.rmtree("/")')).interrupts;
  const message = 'The question is not the one that you were shown.';
  const error = { code: 'question_changed', message, interrupts: [asked] };
  server.answers.set('POST threads/t/resume', reply(409, { error }));
  server.answers.set('GET threads/t/snapshot', new Error('away'));
  server.clock.advance(0).catch(() => undefined);

  await press('a');
  for (let i = 0; i < 4; i++) {
    await server.clock.advance(5000);
    await drawn();
  }

  expect(element.querySelector('[role=alert]')?.textContent).toMatch('not the one');
  expect(element.querySelector('.lobu-card')?.textContent).toMatch('shutil.rmtree');
  expect(element.querySelector('.lobu-card')?.textContent).not.toMatch('harmless');
  expect(server.page.thread('t').drafts.size).toBe(0);
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );
  await press('a');
  const digests = server
    .callsTo('threads/t/resume')
    .map(call => (call.body as { resume: IResumeEntry[] }).resume[0].digest);
  expect(digests[digests.length - 1]).toBe(digestOf(asked));
  expect(digests[0]).not.toBe(digestOf(asked));
});

test('a decision is about the question as it was drawn, also where another took its place unseen', async () => {
  const { server } = await show(stateOf(...waitingFor('harmless()')));
  const [drawn_] = server.page.thread('t').state.interrupts;
  const [other] = stateOf(...waitingFor('shutil.rmtree("/")')).interrupts;
  server.answers.set(
    'POST threads/t/resume',
    reply(202, { runId: 'r2', threadId: 't', cursor: 5 })
  );

  await press('r');
  server.page.thread('t').state.interrupts = [other];
  await press('Enter', '.lobu-decide input');

  const { resume } = server.callsTo('threads/t/resume')[0].body as { resume: IResumeEntry[] };
  expect(resume[0].digest).toBe(digestOf(drawn_));
});

test('an argument that a browser rounds is shown exactly, and is not edited here', async () => {
  const args = { n: 9007199254740992 };
  const argsText = '{\n  "n": 9007199254740993\n}';
  await show(
    stateOf(
      started('r1', 'go'),
      ...called('c1', 'count', args),
      asking({ id: 'i1', toolCallId: 'c1', lobu: { toolName: 'count', args, argsText } })
    )
  );

  expect(document.querySelector('.lobu-card')?.textContent).toMatch('9007199254740993');
  await press('e');
  expect(document.querySelector('.lobu-problem')?.textContent).toMatch('would round');
});

function standing(element: HTMLElement): string {
  return element.querySelector('.lobu-standing')?.textContent ?? '';
}

test('a run whose model is asked again says why and when, until it goes on', async () => {
  const { element, tell } = await show(stateOf(started('r1', 'go')));
  await tell(custom('lobu.retry', { reason: 'rate_limit', seconds: 2, message: 'x' }));

  expect(standing(element)).toBe('Rate limited, trying again in 2 s');
  expect(element.querySelector('[role=status]')?.textContent).toBe('Rate limited, trying again');
  expect(element.querySelector('.lobu-transcript')?.textContent).toBe('go');
  await tell({ type: 'TEXT_MESSAGE_START', messageId: 'a1', role: 'assistant' });

  expect(standing(element)).toBe('Working…');
});

test('a run that no worker is there for says that one starts', async () => {
  const server = new FakeServer();
  server.answers.set('GET health', reply(200, { workers: 0 }));
  const { element, tell } = await show(stateOf(started('r1', 'go')), {}, server);
  expect(standing(element)).toBe('Working…');

  await server.clock.advance(400);
  await drawn();
  expect(standing(element)).toBe('Starting the agent…');
  await tell({ type: 'TEXT_MESSAGE_START', messageId: 'a1', role: 'assistant' });

  expect(standing(element)).toBe('Working…');
});
