import vector from '../../tests/vectors/card.json';
import { partsOf } from '../src/core/text/shown';

test('the parts of a card are those that the terminal shows', () => {
  const parts = partsOf(vector.args);

  expect(parts.map(({ name, text, block }) => ({ name, text, block }))).toEqual(vector.parts);
});
