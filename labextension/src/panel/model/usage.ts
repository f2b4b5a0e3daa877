/** What a thread has used, and about how much of a model's context it fills. */
import { list, object } from '../../core/json';
import { textOf } from '../../core/run';
import { IState, Item } from '../../core/wire';

const BYTES_PER_TOKEN = 3; // as the agents estimate it
const USUAL_WINDOW = 100_000; // what the agents take for a window that nobody knows

/** How many tokens the context of the thread's last model holds, and whether that is known or a guess. */
export function windowOf(state: IState): { tokens: number; known: boolean } {
  const last = [...state.runs].reverse().find(run => list(run.usage).length > 0);
  const [own] = list(last?.usage); // its sub-agents' stand behind it
  const told = object(object(own ?? null).metadata).contextWindow;
  return typeof told === 'number' && told > 0
    ? { tokens: told, known: true }
    : { tokens: USUAL_WINDOW, known: false };
}

/** Tokens, estimated, of what the next request tells the model of this thread. */
export function contextTokens(state: IState): number {
  const last = [...state.runs].reverse().find(run => list(run.usage).length > 0);
  const told = object(object(list(last?.usage)[0] ?? null).metadata).contextUsed;
  if (typeof told === 'number' && told > 0) {
    return told; // an outside agent has said it
  }
  const upTo = [...state.items].reverse().find(isCompacted);
  const from = upTo === undefined ? 0 : state.items.indexOf(upTo);
  const bytes = state.items.slice(from).reduce((sum, item) => sum + sizeOf(item), 0);
  return Math.round(bytes / BYTES_PER_TOKEN);
}

function isCompacted(item: Item): boolean {
  return item.kind === 'notice' && item.name === 'lobu.compacted';
}

function sizeOf(item: Item): number {
  switch (item.kind) {
    case 'message':
      return textOf(item.content).length;
    case 'tool':
      return item.args.length + textOf(item.result).length;
    case 'notice':
      return isCompacted(item) ? JSON.stringify(item.value).length : 0;
    default:
      return 0;
  }
}
