/** Outputs that the surroundings draw: charts at once, live widgets when the person asks for one. */
import { ComponentChild, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { holdsAll } from '../text/inert';
import { joined } from '../text/joined';
import { Json, WIDGET_MIME } from '../wire';
import { IView } from './view';

type Data = { [mime: string]: Json };

const SCRIPTED = ['application/javascript', 'application/vnd.bokehjs_exec.v0+json'];
const BAR = /\d+%(?:\||\s[█ ])/; // its text says all of it
const ACTIVE = /<(?:script|iframe)[\s>]/i;

/** The type that the surroundings draw without trusting it, or null. A saved copy is never given to them. */
export function drawableOf(data: Data, view: IView): string | null {
  const mime = view.saved ? null : (view.host.drawing?.drawable(data) ?? null);
  return mime !== null && typeof data[mime] === 'object' && holdsAll(data[mime]) ? mime : null;
}

/** Does it take scripts or a live widget to show all of it? */
export function needsPage(data: Data): boolean {
  return (
    (WIDGET_MIME in data && !BAR.test(joined(data['text/plain']))) ||
    SCRIPTED.some(mime => mime in data) ||
    Object.keys(data).some(mime =>
      /^application\/vnd\.(?!jupyter|lobu)[\w.-]+\+json$/.test(mime)
    ) ||
    ACTIVE.test(joined(data['text/html']))
  );
}

export function Drawn(props: {
  mime: string;
  data: Data;
  view: IView;
  fallback: () => ComponentChild;
}): VNode {
  const { mime, data, view, fallback } = props;
  const { element, failed } = useDrawing(
    data[mime],
    element => view.host.drawing?.draw(mime, data, element) ?? null
  );
  return failed ? <>{fallback()}</> : <div class="lobu-drawn" ref={element} />;
}

/** What a person can do about an output that does not work here by itself. */
export function Interactive(props: { data: Data; code?: string; view: IView }): VNode | null {
  const { data, code, view } = props;
  const { drawing, trans } = view.host;
  const root = useRef<HTMLDivElement>(null);
  const [live, setLive] = useState(false);
  const [said, setSaid] = useState('');
  const [widgets, setWidgets] = useState(false);
  useEffect(() => {
    setWidgets(WIDGET_MIME in data && !!root.current && !!drawing?.hasWidgets(root.current));
  }, [data]);
  const add = (): void => {
    const added = root.current !== null && drawing?.addCell(code ?? '', root.current);
    setSaid(
      added
        ? trans.__('Added below the active cell. Run it to use the output.')
        : trans.__('Open a notebook that can be changed first.')
    );
  };
  return (
    <div class="lobu-interactive" ref={root}>
      {live ? (
        <LiveWidget data={data} view={view} />
      ) : (
        <>
          {widgets && (
            <button
              type="button"
              class="lobu-button"
              title={trans.__('It can act in this page as you, like a cell that you run')}
              onClick={() => setLive(true)}
            >
              {trans.__('Show live widget')}
            </button>
          )}
          {drawing && code !== undefined && (
            <button type="button" class="lobu-button" onClick={add}>
              {trans.__('Add as cell to use it')}
            </button>
          )}
          {!drawing && <span>{trans.__('This output is interactive in JupyterLab only.')}</span>}
          <span role="status">{said}</span>
        </>
      )}
    </div>
  );
}

function LiveWidget(props: { data: Data; view: IView }): VNode {
  const { data, view } = props;
  const { element, failed } = useDrawing(
    data[WIDGET_MIME],
    element => view.host.drawing?.drawWidget(data, element) ?? null
  );
  return (
    <>
      <div class="lobu-drawn" ref={element} />
      {failed && <span role="status">{view.trans.__('The widget is gone.')}</span>}
    </>
  );
}

/** Draw into an element that is not ours to compare, again when `value` changes. */
function useDrawing(
  value: Json,
  draw: (element: HTMLElement) => Promise<() => void> | null
): { element: { current: HTMLDivElement | null }; failed: boolean } {
  const element = useRef<HTMLDivElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let wanted = true;
    let end = (): void => undefined;
    const drawing = element.current && draw(element.current);
    drawing?.then(
      done => {
        end = done;
        if (!wanted) {
          done();
        }
      },
      error => {
        console.warn('lobu: an output could not be drawn', error);
        setFailed(wanted);
      }
    );
    return () => {
      wanted = false;
      end();
    };
  }, [value]);
  return { element, failed };
}
