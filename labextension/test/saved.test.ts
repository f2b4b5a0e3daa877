import { bounded, isBehind, savedBundle } from '../src/core/saved';
import { ICellOutput, IState, OUTPUT_MIME } from '../src/core/wire';
import { called, custom, decided, finished, said, started, stateOf, waitingFor } from './events';

const OUTPUT: ICellOutput = {
  version: 1,
  threadId: 't',
  runId: 'r1',
  cursor: 0,
  prompt: 'clean the data'
};

function rest(state: IState): ICellOutput {
  return savedBundle(OUTPUT, state)[OUTPUT_MIME] as ICellOutput;
}

test('a running run is not saved; one that waits or ended is, once', () => {
  const running = stateOf(...waitingFor('x').slice(0, -1));
  const waiting = stateOf(...waitingFor('x'));
  const decidedNow = stateOf(
    ...waitingFor('x'),
    started('r2', undefined, 'r1'),
    decided('i1', 'c1', 'approve')
  );
  const ended = stateOf(
    ...waitingFor('x'),
    started('r2', undefined, 'r1'),
    ...said('a', 'Done'),
    finished()
  );

  expect(isBehind(OUTPUT, running)).toBe(false);
  expect(isBehind(OUTPUT, waiting)).toBe(true);
  expect(isBehind(rest(waiting), waiting)).toBe(false);
  expect(isBehind(rest(waiting), decidedNow)).toBe(false);
  expect(isBehind(rest(waiting), ended)).toBe(true);
  expect(isBehind(rest(ended), ended)).toBe(false);
});

test('code that runs on after its end is said in the output of its run, and saved', () => {
  const stopped = [started('r1', 'go'), { type: 'RUN_FINISHED', outcome: { type: 'cancelled' } }];
  const before = stateOf(...stopped);
  const told = custom('lobu.still_running', { runId: 'r1', message: 'It is still running.' });
  const after = stateOf(...stopped, started('r2', 'next'), told, finished());
  const other = { ...OUTPUT, runId: 'r2' };

  expect(isBehind(rest(before), before)).toBe(false);
  expect(isBehind(rest(before), after)).toBe(true);
  const saved = savedBundle(OUTPUT, after);
  expect(saved['text/plain']).toMatch('[It is still running.]');
  expect(saved['text/html']).toMatch('It is still running.');
  expect(isBehind(saved[OUTPUT_MIME] as ICellOutput, after)).toBe(false);
  expect(savedBundle(other, after)['text/plain']).not.toMatch('still running');
});

test('what waits in another cell of the thread makes no saved output stale', () => {
  const done = [started('r0', 'first'), ...said('a', 'Done'), finished()];
  const output = { ...OUTPUT, runId: 'r0' };
  const saved = savedBundle(output, stateOf(...done))[OUTPUT_MIME] as ICellOutput;

  const other = stateOf(...done, ...waitingFor('x'));

  expect(isBehind(saved, other)).toBe(false);
});

test('an output saves what was started from it, too', () => {
  const failed = { type: 'RUN_ERROR', code: 'server_restarted', message: 'Restarted.' };
  const first = [started('r1', 'go'), ...said('a', 'Once'), failed];
  const state = stateOf(...first, started('r2', 'Continue'), ...said('b', 'upon'), finished());

  const saved = savedBundle({ ...OUTPUT, also: ['r2'] }, state);

  expect(saved['text/plain']).toMatch(/Once[^]*Restarted[^]*upon/);
  expect(saved[OUTPUT_MIME]).toMatchObject({ runId: 'r1', also: ['r2'] });
  expect(isBehind(saved[OUTPUT_MIME] as ICellOutput, state)).toBe(false);
});

test('the fallbacks say that an answer was cut', () => {
  const cut = custom('lobu.cut', { reason: 'length', message: 'It was <cut>.' });

  const bundle = savedBundle(
    OUTPUT,
    stateOf(started('r1', 'go'), ...said('a', 'Once'), cut, finished())
  );

  expect(bundle['text/plain']).toMatch('[It was <cut>.]');
  expect(bundle['text/html']).toMatch('It was &lt;cut&gt;.');
});

test('the fallbacks tell the run: prompt, code as it ran, outputs, answer, and are inert', () => {
  const state = stateOf(
    started('r1', 'clean <the> data'),
    ...called('c1', 'run_code', { code: 'df.dropna()' }),
    custom('lobu.output', {
      toolCallId: 'c1',
      index: 0,
      output: { output_type: 'stream', name: 'stdout', text: '\u001b[31mred\u001b[0m' }
    }),
    ...said('a1', '<script>alert(1)</script> Done'),
    finished()
  );

  const bundle = savedBundle(OUTPUT, state);

  expect(bundle['text/plain']).toMatch(/clean <the> data[^]*df\.dropna\(\)[^]*red[^]*Done/);
  expect(bundle['text/html']).toMatch(/clean &lt;the&gt; data[^]*df\.dropna\(\)[^]*red[^]*Done/);
  expect(bundle['text/html']).not.toMatch(/<script|\u001b/);
});

test('A25: the prompt is saved as the journal has it, redacted where it was', () => {
  const state = stateOf(started('r1', 'clean [redacted]'), ...said('a1', 'Done'), finished());
  const typed = { ...OUTPUT, prompt: 'clean sk-123' };

  expect(JSON.stringify(savedBundle(typed, state))).not.toContain('sk-123');
  expect(rest(stateOf()).prompt).toBe('clean the data');
});

test('a saved run has at most 256 kB: the largest outputs give way, with their size', () => {
  const big = custom('lobu.output', {
    toolCallId: 'c1',
    index: 0,
    output: { output_type: 'display_data', data: { 'image/png': 'A'.repeat(400_000) } }
  });
  const state = stateOf(
    started('r0', 'another run'),
    ...said('b', 'B'.repeat(300_000)),
    finished(),
    started('r1', 'plot'),
    ...called('c1', 'run_code', { code: 'plot()' }),
    big,
    ...said('a1', 'Done'),
    finished()
  );

  const own = bounded(state, 'r1');

  expect(JSON.stringify(own).length).toBeLessThan(256 * 1024);
  expect(JSON.stringify(own)).toMatch('391 kB are not saved in the notebook');
  expect(JSON.stringify(own)).toMatch('plot()');
  expect(own.items.some(item => item.runId === 'r0')).toBe(false);
  expect(JSON.stringify(state)).toMatch('AAAA');
});
