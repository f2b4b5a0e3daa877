/** Code, diffs and terminal text. */
import { VNode } from 'preact';
import { IDiffLine, withWords } from '../text/diff';
import { highlight, withMarks } from '../text/highlight';
import { linesOf } from '../text/lines';
import { spans } from '../text/terminal';
import { hidden, pieces, visibleHtml, visibleLine } from '../text/visible';

export function Code(props: { code: string; language: string }): VNode {
  const html = visibleHtml(highlight(props.code, props.language));
  return (
    <pre class="lobu-code" tabIndex={0}>
      <code class="hljs" dangerouslySetInnerHTML={{ __html: html }} />
    </pre>
  );
}

/** Code with line numbers, which are no part of its text. */
export function Numbered(props: { text: string; language: string }): VNode {
  const lines = linesOf(visibleHtml(highlight(props.text, props.language)));
  const digits = String(lines.length).length;
  return (
    <pre class="lobu-code lobu-numbered" tabIndex={0} style={{ '--lobu-digits': `${digits}ch` }}>
      <code class="hljs">
        {lines.map((line, i) => (
          <span
            key={i}
            class="lobu-line"
            data-line={i + 1}
            dangerouslySetInnerHTML={{ __html: line + '\n' }}
          />
        ))}
        <i class="lobu-end" />
      </code>
    </pre>
  );
}

const SIGN = { added: '+', removed: '-', same: ' ', head: '' };

export function Diff(props: { lines: IDiffLine[]; label: string; language?: string }): VNode {
  return (
    <pre class="lobu-code lobu-diff" tabIndex={0} aria-label={props.label}>
      {withWords(props.lines).map((line, i) => (
        <div key={i} class={`lobu-diff-${line.kind}`}>
          {SIGN[line.kind]}
          <DiffText line={line} language={props.language} />
          {'\n'}
        </div>
      ))}
      <i class="lobu-end" />
    </pre>
  );
}

/** A line in colour, its words marked; one that hides something has neither. */
function DiffText(props: { line: IDiffLine; language?: string }): VNode {
  const { text, kind, words = [] } = props.line;
  if (kind === 'head' || hidden(text).size > 0) {
    return <Visible text={text} />;
  }
  const html = withMarks(highlight(text, props.language ?? ''), words);
  return <span dangerouslySetInnerHTML={{ __html: html }} />;
}

/** Text whose hidden characters are marked escapes. `line`: also its line feeds and tabs. */
export function Visible(props: { text: string; line?: boolean }): VNode {
  return (
    <>
      {pieces(props.text).map((piece, i) =>
        piece.escape ? (
          <span key={i} class="lobu-escape">
            {piece.text}
          </span>
        ) : props.line ? (
          visibleLine(piece.text)
        ) : (
          piece.text
        )
      )}
    </>
  );
}

export function Terminal(props: { text: string; error?: boolean }): VNode {
  return (
    <pre class={props.error ? 'lobu-terminal lobu-stderr' : 'lobu-terminal'} tabIndex={0}>
      {spans(props.text).map((span, i) =>
        span.style ? (
          <span key={i} class={span.style}>
            {span.text}
          </span>
        ) : (
          span.text
        )
      )}
    </pre>
  );
}

/** JSON, for what has no better form. */
export function JsonView(props: { value: unknown }): VNode {
  return <Code code={JSON.stringify(props.value, null, 2)} language="json" />;
}
