/** Highlighted HTML, line by line: a span that reaches over several lines is closed and opened again. */

const TOKEN = /<span[^>]*>|<\/span>|\n/g;

/** The lines of `html`, whose only tags are spans; each is whole by itself. */
export function linesOf(html: string): string[] {
  const lines: string[] = [];
  const open: string[] = [];
  let line = '';
  let from = 0;
  for (const { 0: token, index } of html.matchAll(TOKEN)) {
    line += html.slice(from, index);
    from = index + token.length;
    if (token === '\n') {
      lines.push(line + '</span>'.repeat(open.length));
      line = open.join('');
      continue;
    }
    line += token;
    if (token === '</span>') {
      open.pop();
    } else {
      open.push(token);
    }
  }
  const last = line + html.slice(from);
  return last === '' && lines.length > 0 ? lines : [...lines, last];
}
