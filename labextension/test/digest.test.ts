import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COVERED, digestOf } from '../src/core/digest';
import { IInterrupt } from '../src/core/wire';

const FILE = join(__dirname, '..', '..', 'tests', 'vectors', 'digest', 'questions.json');
const { covered, questions } = JSON.parse(readFileSync(FILE, 'utf8')) as {
  covered: string[];
  questions: { name: string; text: string; digest: string }[];
};

test('both languages cover the same parts', () => {
  expect(COVERED).toEqual(covered);
  expect(questions.length).toBeGreaterThan(20);
});

test.each(questions)('the digest of "$name" is that of the gateway', ({ text, digest }) => {
  expect(digestOf(JSON.parse(text) as IInterrupt)).toBe(digest);
});

test('a page without crypto.subtle has the digest too', () => {
  const kept = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  Object.defineProperty(globalThis, 'crypto', { value: undefined, configurable: true });

  expect(digestOf(JSON.parse(questions[0].text) as IInterrupt)).toBe(questions[0].digest);

  Object.defineProperty(globalThis, 'crypto', kept ?? { value: undefined, configurable: true });
});
