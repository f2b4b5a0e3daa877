import vector from '../../tests/vectors/card.json';
import { partsOf } from '../src/core/text/shown';
import { JsonObject } from '../src/core/wire';

test('the parts of a card are those that the terminal shows', () => {
  const parts = partsOf(vector.args as unknown as JsonObject);

  expect(parts.map(({ name, text, block }) => ({ name, text, block }))).toEqual(vector.parts);
});
