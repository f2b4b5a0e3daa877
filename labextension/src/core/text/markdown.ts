/**
 * Markdown as blocks of inert HTML.
 *
 * While a text streams only its last block may still change: the others keep their source, so a
 * view need not touch them again. Raw HTML is shown as text; math is kept for a typesetter.
 */
// Only loaded with the first view: see mime/output.ts.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { Marked, Token, Tokens } from 'marked';
import { escapeHtml, highlight } from './highlight';
import { sanitize } from './sanitize';

/** A top-level block: its markdown and, lazily, its HTML. */
export interface IBlock {
  source: string;
  token: Token;
}

const MATH =
  /^(\$\$[\s\S]+?\$\$|\$(?!\s)[^$\n]*?[^\s\\$]\$(?!\d)|\\\[[\s\S]+?\\\]|\\\([\s\S]+?\\\))/;

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
    image: ({ href, text }: Tokens.Image) =>
      href.startsWith('data:')
        ? `<img src="${escapeHtml(href)}" alt="${escapeHtml(text)}">`
        : `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    code: ({ text, lang }: Tokens.Code) =>
      `<pre class="lobu-code"><code>${highlight(text, codeLanguage(lang))}</code></pre>`
  },
  extensions: [
    {
      name: 'math',
      level: 'inline',
      start: source => {
        const found = source.search(/\$|\\[[(]/);
        return found < 0 ? undefined : found;
      },
      tokenizer: source => {
        const found = MATH.exec(source);
        return found === null ? undefined : { type: 'math', raw: found[0], text: found[0] };
      },
      renderer: token => `<span class="lobu-math">${escapeHtml(String(token.text))}</span>`
    }
  ]
});

/** The blocks of a text. */
export function blocks(text: string): IBlock[] {
  const tokens = marked.lexer(text);
  return tokens
    .filter(token => token.type !== 'space')
    .map(token => ({ source: token.raw, token }));
}

/** Inert HTML of a block. */
export function blockHtml(block: IBlock): string {
  return sanitize(marked.parser([block.token]));
}

/** Does this HTML hold math to be set? */
export function hasMath(html: string): boolean {
  return html.includes('class="lobu-math"');
}

function codeLanguage(info: string | undefined): string {
  const name = (info ?? '').trim().split(/\s/)[0].toLowerCase();
  const aliases: { [alias: string]: string } = {
    py: 'python',
    python3: 'python',
    ipython: 'python',
    sh: 'bash',
    shell: 'bash'
  };
  return aliases[name] ?? name;
}
