/** Code, diffs and terminal text. */
import { VNode } from 'preact';
import { IDiffLine } from '../text/diff';
import { highlight } from '../text/highlight';
import { spans } from '../text/terminal';

export function Code(props: { code: string; language: string }): VNode {
  return (
    <pre class="lobu-code" tabIndex={0}>
      <code
        class="hljs"
        dangerouslySetInnerHTML={{ __html: highlight(props.code, props.language) }}
      />
    </pre>
  );
}

const SIGN = { added: '+', removed: '-', same: ' ', head: '' };

export function Diff(props: { lines: IDiffLine[]; label: string }): VNode {
  return (
    <pre class="lobu-code lobu-diff" tabIndex={0} aria-label={props.label}>
      {props.lines.map((line, i) => (
        <div key={i} class={`lobu-diff-${line.kind}`}>
          {SIGN[line.kind] + line.text + '\n'}
        </div>
      ))}
    </pre>
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
