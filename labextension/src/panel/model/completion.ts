/**
 * What is written with a sign: `/` commands at the beginning, `@` mentions anywhere.
 *
 * A mention stays in the text as it is, `@sales`; what it means is sent beside the text, as
 * context, as it is when the message is sent.
 */

export interface ISuggestion {
  /** What takes the place of what was typed, with its sign. */
  text: string;
  /** What it is, for the second column. */
  detail?: string;
}

/** What is being typed at the caret. */
export interface IToken {
  sign: '/' | '@';
  /** Without the sign. */
  word: string;
  /** Where the sign stands. */
  from: number;
}

/** AG-UI's Context. */
export interface IContext {
  description: string;
  value: string;
}

export function tokenAt(text: string, caret: number): IToken | null {
  const before = text.slice(0, caret);
  const command = /^\/([\w:.-]*)$/.exec(before);
  if (command !== null) {
    return { sign: '/', word: command[1], from: 0 };
  }
  const mention = /(?:^|[\s(])@([\w:./~-]*)$/.exec(before);
  return mention === null
    ? null
    : { sign: '@', word: mention[1], from: caret - mention[1].length - 1 };
}

/** The mentions of a text, each once, without their sign; no full stop belongs to the end of one. */
export function mentions(text: string): string[] {
  const found = [...text.matchAll(/(?:^|[\s(])@([\w:./~-]+)/g)];
  return [...new Set(found.map(one => one[1].replace(/[.:]+$/, '')))];
}

/** What can be mentioned by these names; a variable of such a name keeps its prefix. */
export const PLACES = ['cell', 'selection', 'output', 'notebook'];

/** The text without a mention. */
export function without(text: string, name: string): string {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.replace(new RegExp(`(^|[\\s(])@${escaped}(?![\\w:/~-]) ?`, 'g'), '$1');
}

/** Those that hold what was typed, those that begin with it first; at most `most`. */
export function matching(all: ISuggestion[], word: string, most = 12): ISuggestion[] {
  const typed = word.toLowerCase();
  const rank = ({ text }: ISuggestion): number => {
    const name = text.slice(1).toLowerCase();
    const bare = name.slice(name.indexOf(':') + 1);
    const starts = name.startsWith(typed) || bare.startsWith(typed);
    return starts ? 0 : name.includes(typed) ? 1 : 2;
  };
  return all
    .map(one => ({ one, at: rank(one) }))
    .filter(({ at }) => at < 2)
    .sort((a, b) => a.at - b.at)
    .slice(0, most)
    .map(({ one }) => one);
}

/** The text with a suggestion in the place of what was typed, and where the caret then is. */
export function completed(
  text: string,
  token: IToken,
  suggestion: ISuggestion
): { text: string; caret: number } {
  const rest = text.slice(token.from + token.word.length + 1);
  const open = suggestion.text.endsWith('/') || suggestion.text.endsWith(':');
  const inserted = open || rest.startsWith(' ') ? suggestion.text : `${suggestion.text} `;
  const caret = token.from + inserted.length + (rest.startsWith(' ') && !open ? 1 : 0);
  return { text: text.slice(0, token.from) + inserted + rest, caret };
}

/** The names that were offered: a mention of one needs no prefix. */
export class Mentioned {
  learn(offered: ISuggestion[]): void {
    for (const { text } of offered) {
      this._offered.add(text.slice(1));
    }
  }

  /** What a text mentions. */
  in(text: string): string[] {
    return mentions(text).filter(
      one => one.includes(':') || PLACES.includes(one) || this._offered.has(one)
    );
  }

  private readonly _offered = new Set<string>();
}
