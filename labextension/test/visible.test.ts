import vectors from '../../tests/vectors/visible.json';
import {
  hidden,
  pieces,
  visible,
  visibleHtml,
  visibleJson,
  visibleLine
} from '../src/core/text/visible';

test.each(vectors)('a hidden character is an escape: $name', ({ text, visible: shown }) => {
  expect(visible(text)).toBe(shown);
});

test('a name is one line', () => {
  expect(visibleLine('a\n\tb\u202e')).toBe('a\\n\\tb\\u202e');
});

test('escapes are told apart from the text around them', () => {
  expect(pieces('a\u202eb')).toEqual([
    { text: 'a', escape: false },
    { text: '\\u202e', escape: true },
    { text: 'b', escape: false }
  ]);
  expect(visibleHtml('a\u202eb')).toBe('a<span class="lobu-escape">\\u202e</span>b');
  expect([...hidden('\u200b\u200b\r')]).toEqual([
    ['\\u200b', 2],
    ['\\x0d', 1]
  ]);
});

test.each(vectors)('JSON with escapes says the same: $name', ({ text }) => {
  const value = { [text]: [text] };
  expect(JSON.parse(visibleJson(value))).toEqual(value);
  expect(visible(visibleJson(value).replace(/\ufe0f|\ufe0e/g, ''))).toBe(
    visibleJson(value).replace(/\ufe0f|\ufe0e/g, '')
  );
});
