import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { empty, Fold, fold } from '../src/core/fold';
import { AgEvent, IState } from '../src/core/wire';
import { said, started } from './events';
import { journal } from './fakes';

const FOLDER = join(__dirname, '..', '..', 'tests', 'vectors', 'fold');
const VECTORS = readdirSync(FOLDER).filter(name => name.endsWith('.json'));

function read(name: string): { events: AgEvent[]; state: IState } {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as ReturnType<typeof read>;
}

test('there are vectors', () => {
  expect(VECTORS.length).toBeGreaterThan(4);
});

describe.each(VECTORS)('E30: the vector %s', name => {
  test('folds to the state that the Python fold makes of it', () => {
    const { events, state } = read(name);

    expect(fold(journal(1, ...events))).toEqual(state);
  });

  test('folds to the same from every snapshot and its tail', () => {
    const { events, state } = read(name);

    for (let cut = 0; cut <= events.length; cut++) {
      const entries = () => journal(1, ...read(name).events);
      const snapshot = JSON.parse(JSON.stringify(fold(entries().slice(0, cut)))) as IState;

      expect(fold(entries().slice(cut), snapshot)).toEqual(state);
    }
  });
});

test('an event that was taken before changes nothing', () => {
  const folding = new Fold(empty());
  const [first] = journal(1, started('r1', 'hello'));

  expect(folding.apply(first.seq, first.event)).toBe(true);
  expect(folding.apply(first.seq, first.event)).toBe(false);

  expect(folding.state.items).toHaveLength(1);
});

test('only the item that an event touches gets a new version', () => {
  const folding = new Fold(empty());
  const events = journal(1, started('r1', 'hello'), ...said('a1', 'one', 'two').slice(0, 2));
  events.forEach(({ seq, event }) => folding.apply(seq, event));
  const [prompt, answer] = folding.state.items;
  const before = [folding.version(prompt), folding.version(answer)];

  folding.apply(4, { type: 'TEXT_MESSAGE_CONTENT', messageId: 'a1', delta: 'two' });

  expect(folding.version(prompt)).toBe(before[0]);
  expect(folding.version(answer)).toBeGreaterThan(before[1]);
});
