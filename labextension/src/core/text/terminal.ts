/** What a terminal would show of a text: overwritten lines, and colours as styled spans. */
import { ISpan, Style } from './colours';
import { SEQUENCE, SIMPLE } from './escapes';
import { Screen } from './screen';

/** The text that a screen shows at its end, with its colours left in where nothing moved. */
export function settle(text: string): string {
  return SIMPLE.test(text) ? text : screenOf(text).text();
}

/** The text without any escape sequence, as a screen shows it. */
export function plain(text: string): string {
  return SIMPLE.test(text) ? text.replace(SEQUENCE, '') : screenOf(text).text();
}

/** The text as spans. Unknown sequences vanish; a style lasts until it is reset. */
export function spans(text: string): ISpan[] {
  if (!SIMPLE.test(text)) {
    return screenOf(text).spans();
  }
  const found: ISpan[] = [];
  const style = new Style();
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    push(found, text.slice(from, match.index), style.classes());
    from = match.index + match[0].length;
    style.apply(match[1] ?? '');
  }
  push(found, text.slice(from), style.classes());
  return found;
}

function screenOf(text: string): Screen {
  const screen = new Screen();
  screen.write(text);
  return screen;
}

function push(found: ISpan[], text: string, style: string): void {
  if (text) {
    found.push({ text, style });
  }
}
