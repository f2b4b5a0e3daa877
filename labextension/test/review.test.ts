/** A question about a cell, held against the notebook: what is shown there is what the question says, or nothing is. */
import { unified, withWords } from '../src/core/text/diff';
import { highlight, withMarks } from '../src/core/text/highlight';
import { plainTrans } from '../src/core/host';
import { IInterrupt, JsonObject } from '../src/core/wire';
import { changeOf, isCellChange } from '../src/panel/review/changes';

const DIFF =
  '--- cell 1\n+++ cell 1\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -9,2 +9,3 @@\n i\n j\n+k\n';
const OLD = 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj';
const NEW = 'a\nB\nc\nd\ne\nf\ng\nh\ni\nj\nk';

function asks(toolName: string, args: JsonObject, diff: string, more: object = {}): IInterrupt {
  return {
    id: 'q',
    runId: 'r',
    reason: 'tool_call',
    metadata: { lobu: { toolName, args, diff, ...more } }
  };
}

test('an edit is shown while the cell reads as the question says, and only then', () => {
  const question = asks('edit_cell', { cell: 'x', code: NEW }, DIFF);

  expect(changeOf(question, OLD)).toMatchObject({ deed: 'edit', before: OLD, after: NEW });
  expect(changeOf(question, OLD.replace('e', 'mine'))).toBe('changed'); // beyond the hunks, too
  expect(changeOf(question, OLD + '\nmore')).toBe('changed');
  expect(changeOf(question, undefined)).toBe('gone');
  expect(changeOf(asks('edit_cell', { cell: 'x', code: NEW + '\nrm()' }, DIFF), OLD)).toBe(
    'changed'
  );
});

test('an insertion and a deletion are shown whole', () => {
  const added = '--- new cell\n+++ new cell\n@@ -0,0 +1,2 @@\n+x\n+y\n';
  const gone = '--- cell 1\n+++ cell 1\n@@ -1,2 +0,0 @@\n-x\n-y\n';

  expect(changeOf(asks('insert_cell', { code: 'x\ny', after: 'a' }, added), 'above')).toMatchObject(
    { deed: 'insert', cell: 'a', before: '', after: 'x\ny' }
  );
  expect(changeOf(asks('delete_cell', { cell: 'a' }, gone), 'x\ny')).toMatchObject({
    before: 'x\ny',
    after: ''
  });
  expect(changeOf(asks('delete_cell', { cell: 'a' }, gone), 'x\ny\nz')).toBe('changed');
});

test.each(['b\u202e', 'b\u200b', 'b\r'])(
  'a text that hides something is left to its card: %j',
  b => {
    const diff = `@@ -1 +1 @@\n-a\n+${b}\n`;
    expect(changeOf(asks('edit_cell', { cell: 'x', code: b }, diff), 'a')).toBe('hidden');
  }
);

test('a question that cannot be approved as it is shown is left to its card', () => {
  const args = { cell: 'x', code: NEW };

  expect(isCellChange(asks('edit_cell', args, DIFF))).toBe(true);
  expect(isCellChange(asks('edit_cell', args, DIFF, { unshown: 'too long' }))).toBe(false);
  expect(isCellChange(asks('edit_cell', args, DIFF, { argsText: '{"n": 1e400}' }))).toBe(false);
  expect(isCellChange(asks('run_cell', args, DIFF))).toBe(false);
  expect(isCellChange(asks('toString', args, DIFF))).toBe(false);
});

test('the words that differ are marked in a line that was replaced, by the characters of its text', () => {
  const lines = withWords(
    unified('@@ -1,2 +1,2 @@\n-x = a < 3\n-q\n+x = b < 3\n+zz\n', plainTrans)
  );

  expect(lines.map(line => line.words)).toEqual([
    undefined,
    [[4, 5]],
    undefined,
    [[4, 5]],
    undefined
  ]);
  expect(withMarks(highlight('a < "b"', 'python'), [[2, 5]])).toBe(
    'a <mark>&lt;</mark><mark> </mark><span class="hljs-string"><mark>&quot;</mark>b&quot;</span>'
  );
});
