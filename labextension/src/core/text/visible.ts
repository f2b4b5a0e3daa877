/**
 * Text as a person must see it before deciding: each character that does not show is an escape.
 *
 * A bidirectional control reorders what is read, a zero-width character hides, a terminal obeys a
 * control sequence. So all of these are written as Python writes them: `\x1b`, `\u202e`,
 * `\U000e0041`. lobu_jupyter/model/visible.py does the same, and both pass tests/vectors/visible.json.
 */

/** Letters, marks and symbols that are drawn as nothing, and spaces that look like a plain one. */
const BLANK =
  '\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180d\\u180f\\u2800\\u3164\\uffa0\\u{16fe4}\\u{1d159}' +
  '\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f';
const SELECTORS = '\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}';
const HIDDEN = new RegExp(
  `(?![\\n\\t])[\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}${BLANK}${SELECTORS}]`,
  'gu'
);
/** A symbol that may have a style: the one use of a variation selector that shows. */
const SYMBOL = /(?![\u2800\u{1d159}])\p{So}$/u;

/** The text with each hidden character as an escape; line feeds and tabs stay. */
export function visible(text: string): string {
  return replaced(text, char => char);
}

/** The text on one line: line feeds and tabs are escapes, too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/\n/g, '\\n').replace(/\t/g, '\\t');
}

/** HTML of highlighted code, with each hidden character as a marked escape. */
export function visibleHtml(html: string): string {
  return replaced(html, char => `<span class="lobu-escape">${char}</span>`);
}

/** The text in pieces: as it is, and each hidden character as an escape. */
export function pieces(text: string): { text: string; escape: boolean }[] {
  const found: { text: string; escape: boolean }[] = [];
  let from = 0;
  replaced(text, (shown, at, length) => {
    found.push({ text: text.slice(from, at), escape: false }, { text: shown, escape: true });
    from = at + length;
    return shown;
  });
  found.push({ text: text.slice(from), escape: false });
  return found.filter(piece => piece.text !== '');
}

/** How often each hidden character occurs, by its escape. */
export function hidden(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  replaced(text, shown => {
    counts.set(shown, (counts.get(shown) ?? 0) + 1);
    return shown;
  });
  return counts;
}

/** JSON text whose strings hold no hidden character: JSON has escapes of its own, so nothing is lost. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(HIDDEN, char =>
    Array.from(
      { length: char.length },
      (_, i) => '\\u' + char.charCodeAt(i).toString(16).padStart(4, '0')
    ).join('')
  );
}

function replaced(
  text: string,
  draw: (escape: string, at: number, length: number) => string
): string {
  return text.replace(HIDDEN, (char, at: number) =>
    isStyle(char) && SYMBOL.test(text.slice(Math.max(0, at - 2), at))
      ? char
      : draw(escapeOf(char), at, char.length)
  );
}

function isStyle(char: string): boolean {
  return char === '\ufe0e' || char === '\ufe0f';
}

function escapeOf(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const [letter, digits] = code <= 0xff ? ['x', 2] : code <= 0xffff ? ['u', 4] : ['U', 8];
  return `\\${letter}${code.toString(16).padStart(digits, '0')}`;
}
