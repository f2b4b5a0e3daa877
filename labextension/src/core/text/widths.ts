/** Marks that join the character before them, and characters of two cells, as in `model/widths.py`. */

const MARK = /^[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200f\u2060-\u2064\u{1f3fb}-\u{1f3ff}]$/u;
export const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}])$/u;
export const FLAG = /^[\u{1f1e6}-\u{1f1ff}]$/u;

/** Whether a character goes into the cell of the one before it. */
export function joins(before: string, character: string): boolean {
  if (/^[\u{1f3fb}-\u{1f3ff}]$/u.test(character)) {
    return WIDE.test(String.fromCodePoint(before.codePointAt(0) ?? 0));
  }
  return (
    MARK.test(character) || before.endsWith('\u200d') || (FLAG.test(character) && FLAG.test(before))
  );
}
