/** The code that a thread's agent ran to its end, as one text that a person can read and edit: model/replay.py's twin. */
import { codeOf, Draft, editDraft, isQuestion, offers } from './decide';
import { parsed } from './text/args';
import { IInterrupt, Item } from './wire';

const MARK = /^# %% \[\d+ of \d+\]\n?/m;
const REBUILT = /^# %% \[1 of \d+\]\n/;
const CELL_MAGIC = /^\s*%%/; // stands for all of a cell, so it cannot be one piece of several
const LARGEST = 24 * 1024; // as the gateway's own rebuild

/** The pieces of code that succeeded, in order. What was run with all before it takes the place of all before it. */
export function codeThatSucceeded(items: Item[]): string[] {
  let pieces: string[] = [];
  for (const item of items) {
    if (item.kind === 'tool' && item.name === 'run_code' && item.ok === true) {
      const { code } = item.decision?.decision.editedArgs ?? parsed(item.args) ?? {};
      if (typeof code === 'string') {
        pieces = REBUILT.test(code) ? split(code) : [...pieces, code.trim()];
      }
    }
  }
  return pieces;
}

/** The draft that runs the thread's code again and then the call's own, or null: there is none that could. */
export function rebuildDraft(interrupt: IInterrupt, items: Item[]): Draft | null {
  const pieces = codeThatSucceeded(items);
  const own = codeOf(interrupt);
  if (!own || pieces.length === 0 || isQuestion(interrupt) || !offers(interrupt).includes('edit')) {
    return null;
  }
  const all = [...pieces, own.trim()];
  const code = all.map((piece, i) => `# %% [${i + 1} of ${all.length}]\n${piece}`).join('\n\n');
  if (all.some(piece => CELL_MAGIC.test(piece)) || code.length > LARGEST) {
    return null;
  }
  const draft = editDraft(interrupt);
  return draft.kind === 'edit' ? { ...draft, code } : null;
}

function split(text: string): string[] {
  return text
    .split(new RegExp(MARK, 'gm'))
    .map(piece => piece.trim())
    .filter(Boolean);
}
