/** Outputs of agent code, as in a notebook and inert. */
import { Component, ComponentChild, VNode } from 'preact';
import { joined } from '../text/joined';
import { firstRows } from '../text/rows';
import { sanitize } from '../text/sanitize';
import { layTables } from '../text/tables';
import { visible } from '../text/visible';
import { IOutput, Json } from '../wire';
import { JsonView, Terminal } from './code';
import { Drawn, drawableOf, Interactive, needsPage } from './drawn';
import { openFigure } from './figure';
import { Markdown, typeset } from './markdown';
import { IView } from './view';

const SCRIPTS = /javascript|bokehjs/;
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** Figures, tables and errors: what a person wants to see of a call also when its card is shut. */
export function isRich(output: IOutput): boolean {
  const data = output.data ?? {};
  return (
    output.output_type === 'error' ||
    [...IMAGES, 'image/svg+xml', 'text/html', 'text/markdown', 'text/latex'].some(
      mime => mime in data
    ) ||
    Object.keys(data).some(mime => mime.startsWith('application/vnd.'))
  );
}

/** A few words that code printed or returned: no more than a person takes in at a glance. */
export function isShort(output: IOutput): boolean {
  const text = joined(output.text ?? output.data?.['text/plain']).trimEnd();
  return text !== '' && text.length <= 400 && text.split('\n').length <= 6;
}

interface IOutputProps {
  output: IOutput;
  view: IView;
  /** What was run: it can be added as a cell. */
  code?: string;
}

export function Output(props: IOutputProps): VNode | null {
  const { output, view } = props;
  if (output.output_type === 'stream') {
    return <Terminal text={joined(output.text)} error={output.name === 'stderr'} />;
  }
  if (output.output_type === 'error') {
    return <ErrorOutput output={output} view={view} />;
  }
  const data = output.data ?? {};
  const chart = drawableOf(data, view);
  return (
    <div class="lobu-output">
      {chart === null ? (
        bundle(output, view)
      ) : (
        <Drawn mime={chart} data={data} view={view} fallback={() => bundle(output, view)} />
      )}
      {chart === null && needsPage(data) && !view.saved && (
        <Interactive data={data} code={props.code} view={view} />
      )}
    </div>
  );
}

function ErrorOutput(props: { output: IOutput; view: IView }): VNode {
  const { ename, evalue, traceback } = props.output;
  return (
    <details class="lobu-output lobu-output-error">
      <summary>
        <strong>{ename}</strong>: {evalue}
      </summary>
      <Terminal text={(traceback ?? []).join('\n')} />
    </details>
  );
}

/** The richest form that can be shown inert. */
function bundle(output: IOutput, view: IView): ComponentChild {
  const data = output.data ?? {};
  const image = IMAGES.find(mime => mime in data);
  if (image !== undefined) {
    return <Picture src={`data:${image};base64,${joined(data[image])}`} data={data} view={view} />;
  }
  if ('image/svg+xml' in data) {
    // As an image, a drawing can neither run script nor load anything.
    const source = encodeURIComponent(joined(data['image/svg+xml']));
    return <Picture src={`data:image/svg+xml;charset=utf-8,${source}`} data={data} view={view} />;
  }
  if ('text/html' in data) {
    const plain = 'text/plain' in data ? joined(data['text/plain']) : null;
    return <Html source={joined(data['text/html'])} plain={plain} view={view} />;
  }
  if ('text/markdown' in data) {
    return <Markdown text={joined(data['text/markdown'])} done={true} host={view.host} />;
  }
  if ('text/latex' in data) {
    return <Latex text={joined(data['text/latex'])} view={view} />;
  }
  if ('text/plain' in data) {
    return <Terminal text={joined(data['text/plain'])} />;
  }
  if ('application/json' in data) {
    return <JsonView value={data['application/json']} />;
  }
  const said = Object.keys(data).some(mime => SCRIPTS.test(mime))
    ? view.trans.__('A chart or page that needs JavaScript, which is not run here.')
    : view.trans.__('Output of type %1', visible(Object.keys(data).join(', ')));
  return <p class="lobu-note">{said}</p>;
}

function Picture(props: { src: string; data: { [mime: string]: Json }; view: IView }): VNode {
  const { src, view } = props;
  const plain = joined(props.data['text/plain']);
  const alt = plain || view.trans.__('Figure');
  return (
    <button
      type="button"
      class="lobu-figure-open"
      title={view.trans.__('Open large')}
      aria-label={view.trans.__('Open large: %1', alt)}
      onClick={() => openFigure(src, alt, view.trans)}
    >
      <img class="lobu-figure" src={src} alt={alt} />
    </button>
  );
}

const ASKS_TRUST = /Make this Notebook Trusted to load map/; // folium's words for what cannot be done here
const LONGEST_HTML = 2_000_000; // characters, once its tables are cut

/** Are there only empty boxes in it? rich ends its displays with one. */
function isBlank(html: string): boolean {
  return !/<(?:img|table|hr|input)/.test(html) && html.replace(/<[^<>]*>/g, '').trim() === '';
}

interface IHtmlProps {
  source: string;
  /** What stands for it where nothing of it may be shown. */
  plain: string | null;
  view: IView;
}

/** Sanitized HTML, made once for each text; its DOM is not ours to compare. */
class Html extends Component<IHtmlProps> {
  override shouldComponentUpdate(next: IHtmlProps): boolean {
    return next.source !== this.props.source;
  }

  override componentDidMount(): void {
    this._lay();
  }

  override componentDidUpdate(): void {
    this._lay();
  }

  render({ source, plain, view }: IHtmlProps): VNode | null {
    const html = firstRows(source);
    if (html.length > LONGEST_HTML) {
      const size = (html.length / 1_000_000).toFixed(1);
      return <Terminal text={plain ?? view.trans.__('HTML of %1 MB is too large to show', size)} />;
    }
    const inert = sanitize(html);
    if (plain?.trim() === '' && isBlank(inert)) {
      return null;
    }
    if (plain !== null && (isBlank(inert) || ASKS_TRUST.test(source))) {
      return <Terminal text={plain} />;
    }
    return (
      <div
        class="lobu-html"
        dir="auto"
        ref={element => void (this._element = element)}
        dangerouslySetInnerHTML={{ __html: inert }}
      />
    );
  }

  private _lay(): void {
    const element = this._element;
    if (element !== null) {
      layTables(element, this.props.view.trans);
      // What scrolls is reached by keyboard: the boxes of tables are by themselves.
      element.tabIndex = element.querySelector('.lobu-table') === null ? 0 : -1;
    }
  }

  private _element: HTMLElement | null = null;
}

class Latex extends Component<{ text: string; view: IView }> {
  override shouldComponentUpdate(): boolean {
    return false; // the typesetter has replaced its nodes
  }

  render(): VNode {
    const { text, view } = this.props;
    return (
      <div
        ref={element => {
          if (element !== null && element.textContent !== text) {
            element.textContent = text;
            typeset(element, view.host);
          }
        }}
      />
    );
  }
}
