/** Escape sequences and control characters, as in `model/escapes.py`. */

/** Escape sequences, whole: colours and all others of ECMA-48 and xterm; at the end of the text, also begun ones. */
export const SEQUENCE =
  /(?:\u001b\[|\u009b)([0-?]*)([ -/]*)([@-~])|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u009c|\u001b\\|$)|\u001b\[[0-?]*[ -/]*$|\u001b([ -/]*)([0-~]|$)/g;

/** Nothing in it moves, erases or hides: only text, lines, tabs and colours. */
export const SIMPLE = /^(?:[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\u001b\[[0-9;:]*m)*$/;
/** What is not text, outside of escape sequences. */
export const CONTROL =
  /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u008f\u0091-\u0097\u0099\u009a\u009c]/;

/** DEC's characters for lines and frames, for ` to ~. */
export const FRAMES = '◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·';
