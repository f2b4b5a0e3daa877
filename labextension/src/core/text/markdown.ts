/**
 * Markdown as blocks of inert HTML.
 *
 * While a text streams only its last block may still change: the others keep their source, so a
 * view need not touch them again. Raw HTML is shown as text; math is kept for a typesetter.
 */
// Only loaded with the first view: see mime/output.ts.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { Marked, MarkedExtension, Renderer, Token, Tokenizer, Tokens } from 'marked';
import { escapeHtml, highlight } from './highlight';
import { MOST_ROWS } from './rows';
import { sanitizeOwn } from './sanitize';

/** A top-level block: its markdown and, lazily, its HTML. */
export interface IBlock {
  source: string;
  /** Null: shown as the text it is, because it nests too deep or would take too long. */
  token: Token | null;
}

const DEEPEST = 40; // of quotes and lists in one another
const WIDEST = 200; // spaces before a list's mark
const LONGEST_LINE = 10_000;
const MOST_BLOCKS = 1000; // the rest of a longer text is shown as it is
const MOST_MATH = 1000; // marks that may open a formula
const SHORT_MATH = 30; // characters that fit into a line
const OPENS = /\$|\\[[(]/g;

const MATH =
  /^(\$\$[\s\S]+?\$\$|\$(?!\s)[^$\n]*?[^\s\\$]\$(?!\d)|\\\[[\s\S]+?\\\]|\\\([\s\S]+?\\\))/;

/** A table of which only the first rows are parsed. */
interface ICutTable extends Tokens.Table {
  /** How many rows it has, where that is more. */
  of?: number;
}

const options: MarkedExtension = {
  gfm: true,
  tokenizer: {
    table(source) {
      const whole = this.rules.block.table.exec(source)?.[0];
      const lines = whole?.trimEnd().split('\n') ?? [];
      const rows = lines.length - 2; // without the head and its rule
      if (whole === undefined || rows <= MOST_ROWS) {
        return false; // as marked does it
      }
      const first = `${lines.slice(0, MOST_ROWS + 2).join('\n')}\n`;
      const table: ICutTable | undefined = Tokenizer.prototype.table.call(this, first);
      return table && { ...table, raw: whole, of: rows };
    }
  },
  renderer: {
    table(token: ICutTable) {
      const html = (Renderer.prototype as Renderer<string, string>).table.call(this, token);
      const cut = `lobu-of-${token.of ?? 0}-${token.header.length}`;
      return token.of === undefined ? html : html.replace('<table', `<table class="${cut}"`);
    },
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
    image: ({ href, text }: Tokens.Image) =>
      href.startsWith('data:')
        ? `<img src="${escapeHtml(href)}" alt="${escapeHtml(text)}">`
        : `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    code: ({ text, lang }: Tokens.Code) =>
      `<pre class="lobu-code"><code>${highlight(text, codeLanguage(lang))}</code></pre>`
  }
};

const withoutMath = new Marked(options);
const marked = new Marked(options, {
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
      renderer: token => {
        const source = String(token.text);
        const math = `<span class="lobu-math">${escapeHtml(source)}</span>`;
        const scrolls = source.length > SHORT_MATH || /^(?:\$\$|\\\[)/.test(source);
        return scrolls ? `<span class="lobu-scrolls">${math}</span>` : math;
      }
    }
  ]
});

/** The blocks of a text. */
export function blocks(text: string): IBlock[] {
  if (isHeavy(text)) {
    return plainBlock(text);
  }
  const math = (text.match(OPENS)?.length ?? 0) <= MOST_MATH;
  try {
    const tokens = (math ? marked : withoutMath).lexer(text);
    const found = tokens
      .filter(token => token.type !== 'space')
      .map(token => ({ source: token.raw, token }));
    if (found.length <= MOST_BLOCKS) {
      return found;
    }
    const rest = found.slice(MOST_BLOCKS).map(block => block.source);
    return [...found.slice(0, MOST_BLOCKS), ...plainBlock(rest.join('\n'))];
  } catch (error) {
    if (error instanceof RangeError) {
      return plainBlock(text); // it nests deeper than the parser's stack
    }
    throw error;
  }
}

/** The text as one block that is not parsed. */
export function plainBlock(text: string): IBlock[] {
  return [{ source: text, token: null }];
}

/** Would the parser recurse too deep, or take more than a moment? */
function isHeavy(text: string): boolean {
  return text.split('\n').some(line => {
    if (line.length > LONGEST_LINE && !/^\s*!\[[^\]]*\]\(data:image\//.test(line)) {
      return true;
    }
    return line.length > DEEPEST && (nests(line) || inlineNests(line));
  });
}

function nests(line: string): boolean {
  const marks = /^[\s>*+\-.)\d]*/.exec(line)?.[0] ?? '';
  const quotesAndLists = marks.match(/>|[*+-](?=[\s>])|\d[.)](?=[\s>])/g)?.length ?? 0;
  return quotesAndLists > DEEPEST || /^\s*/.exec(marks)![0].length > WIDEST;
}

function inlineNests(line: string): boolean {
  let depth = 0;
  for (const char of line) {
    depth += char === '[' ? 1 : char === ']' ? -1 : 0;
    if (depth > DEEPEST) {
      return true;
    }
  }
  return false;
}

/** Inert HTML of a block. */
export function blockHtml(block: IBlock): string {
  if (block.token !== null) {
    try {
      return sanitizeOwn(marked.parser([block.token]));
    } catch (error) {
      if (!(error instanceof RangeError)) {
        throw error;
      }
    }
  }
  return `<p class="lobu-as-text" style="white-space: pre-wrap">${escapeHtml(block.source)}</p>`;
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
