/** Code with its syntax marked, as HTML that holds nothing but spans of known classes. */
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import sql from 'highlight.js/lib/languages/sql';

hljs.registerLanguage('bash', bash);
hljs.registerLanguage('json', json);
hljs.registerLanguage('python', python);
hljs.registerLanguage('sql', sql);

const LONGEST = 100_000;

/** HTML of `code`; languages that are not known, and very long code, stay plain. */
export function highlight(code: string, language: string): string {
  if (code.length > LONGEST || hljs.getLanguage(language) === undefined) {
    return escapeHtml(code);
  }
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}

/** Put marks around characters of highlighted HTML, counted as the text has them. */
export function withMarks(html: string, places: [number, number][]): string {
  let at = 0;
  return html.replace(/<[^>]*>|&[^;]+;|[^<&]/gu, piece => {
    if (piece.startsWith('<')) {
      return piece;
    }
    const from = at;
    at += piece.startsWith('&') ? 1 : piece.length;
    return places.some(([start, end]) => start <= from && from < end)
      ? `<mark>${piece}</mark>`
      : piece;
  });
}

const ENTITIES: { [char: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, char => ENTITIES[char]);
}

const BY_SUFFIX: { [suffix: string]: string } = {
  py: 'python',
  json: 'json',
  ipynb: 'json',
  sh: 'bash',
  sql: 'sql'
};

/** The language of a file, by its name. */
export function languageOf(path: string): string {
  return BY_SUFFIX[path.split('.').pop() ?? ''] ?? '';
}
