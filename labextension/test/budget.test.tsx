import { render } from 'preact';
import { empty } from '../src/core/fold';
import { IState } from '../src/core/wire';
import { gaugesOf, IBudget, read, sentenceOf } from '../src/panel/model/budget';
import { PanelModel } from '../src/panel/model/panel';
import { Budget } from '../src/panel/view/budget';
import { plainTrans } from '../src/core/host';
import { FakeServer, reply, settled } from './fakes';

const VIEW: IBudget = {
  limits: {
    server: { day: { dollars: 5 } },
    own: { run: { tokens: 10_000 }, day: { dollars: 2 } }
  },
  used: {
    run: { tokens: 9000, dollars: 0.1, seconds: 3, unpriced: 0 },
    day: { tokens: 9500, dollars: 0.5, seconds: 3, unpriced: 2 }
  },
  resetsAt: '2026-11-22T00:00:00.000Z'
};

test('the fullest limit comes first, and a price that is not known is said', () => {
  const gauges = gaugesOf(VIEW);

  expect(gauges.map(gauge => [gauge.scope, gauge.measure, gauge.own])).toEqual([
    ['run', 'tokens', true],
    ['day', 'dollars', true]
  ]);
  expect(gauges.map(gauge => sentenceOf(gauge, plainTrans))).toEqual([
    'This run: 9.0k tokens of 10.0k tokens',
    'Today (UTC): $0.5000 of $2.00 (2 requests without a known price)'
  ]);
});

test('limits are read from what is written, and no number is refused by name', () => {
  expect(read({ 'run.tokens': ' 50 ', 'day.dollars': '1.5' })).toEqual({
    run: { tokens: 50 },
    day: { dollars: 1.5 }
  });
  expect(read({ 'run.tokens': '1.5' })).toBe('run.tokens');
  expect(read({ 'day.dollars': '-1' })).toBe('day.dollars');
  expect(read({ 'thread.seconds': 'soon' })).toBe('thread.seconds');
});

async function shown(view: IBudget): Promise<{ server: FakeServer; root: HTMLElement }> {
  const server = new FakeServer();
  server.answers.set('GET budget?threadId=t', reply(200, view));
  const root = document.body.appendChild(document.createElement('div'));
  const model = { page: server.page } as PanelModel;
  const draw = (state: IState): void =>
    render(<Budget threadId="t" state={state} model={model} />, root);
  draw(empty());
  await drawn();
  return { server, root };
}

async function drawn(): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await new Promise(done => setTimeout(done, 0));
    await settled();
  }
}

test('the gauge shows how full it is, and the person sets limits of their own', async () => {
  window.requestAnimationFrame = then => Number(setTimeout(() => then(0), 0));
  const { server, root } = await shown(VIEW);
  expect(root.querySelector('meter')?.value).toBeCloseTo(0.9);
  const input = root.querySelector<HTMLInputElement>('[aria-label="Today (UTC), dollars"]')!;
  expect([input.value, input.placeholder]).toEqual(['2', 'max $5.00']);
  const refused = { code: 'invalid_field', message: 'must be at most $5.00', field: 'day.dollars' };
  server.answers.set('PUT budget', reply(422, { error: refused }));

  input.value = '9';
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await drawn();
  root.querySelector('form')!.dispatchEvent(new Event('submit', { cancelable: true }));
  await drawn();

  expect(server.callsTo('budget')[0].body).toEqual({
    run: { tokens: 10_000 },
    day: { dollars: 9 }
  });
  expect(root.querySelector('[role=status]')?.textContent).toBe(
    'day.dollars must be at most $5.00'
  );
});
