import { empty } from '../src/core/fold';
import { short } from '../src/core/usage';
import { contextTokens, windowOf } from '../src/panel/model/usage';
import { atEnd, earlier, IWindow, kept, later, STEP } from '../src/panel/model/window';
import { custom, finished, said, started, stateOf } from './events';

test('a window goes to the beginning and back to the end, and is never larger than four steps', () => {
  const seen = new Set<number>();
  let shown: IWindow = atEnd(2000);
  while (shown.from > 0) {
    shown = earlier(shown, 2000);
    expect((shown.to ?? 2000) - shown.from).toBeLessThanOrEqual(4 * STEP);
    seen.add(shown.from);
  }
  while (shown.to !== null) {
    const before = shown;
    shown = later(shown, 2000);
    expect(shown.from).toBeLessThan(before.to ?? 0); // nothing is passed over
    expect((shown.to ?? 2000) - shown.from).toBeLessThanOrEqual(4 * STEP);
  }

  expect(seen.size).toBe(Math.ceil((2000 - STEP) / STEP));
});

test('a short transcript is drawn whole', () => {
  expect(atEnd(5)).toEqual({ from: 0, to: null });
  expect(earlier({ from: 0, to: null }, 5)).toEqual({ from: 0, to: null });
});

test('a window that follows the end forgets what has long scrolled out of it', () => {
  expect(kept({ from: 0, to: null }, 200)).toEqual({ from: 0, to: null });
  expect(kept({ from: 0, to: null }, 300)).toEqual(atEnd(300));
  expect(kept({ from: 0, to: 120 }, 300)).toEqual({ from: 0, to: 120 });
});

test('the context is what a model is told: all that was said, or the summary and what came after', () => {
  const long = 'word '.repeat(600);
  const all = stateOf(started('r', 'ask'), ...said('m', long), finished());
  const summary = custom('lobu.compacted', { upTo: 'm', summary: 'short', message: 'Compacted.' });
  const compacted = stateOf(started('r', 'ask'), ...said('m', long), summary, ...said('n', 'more'));

  expect(contextTokens(empty())).toBe(0);
  expect(contextTokens(all)).toBeGreaterThan(900);
  expect(contextTokens(compacted)).toBeLessThan(100);
});

test.each([
  [850, '850'],
  [12_340, '12.3k'],
  [1_200_000, '1.2M']
])('%p tokens are written as %p', (count, words) => {
  expect(short(count)).toBe(words);
});

test('the window is that of the last model that told it, or a guess', () => {
  const told = (size: number): object => ({ usage: [{ metadata: { contextWindow: size } }] });
  const runs = [
    { ...finished(), ...told(8_000) },
    started('s', 'more'),
    { ...finished(), ...told(9_000) }
  ];

  expect(windowOf(empty())).toEqual({ tokens: 100_000, known: false });
  expect(windowOf(stateOf(started('r', 'ask'), ...runs))).toEqual({ tokens: 9_000, known: true });
});
