/** What went with a message: its notebook, files, variables and pictures. */
import { VNode } from 'preact';
import { list, object, text } from '../json';
import { visibleLine } from '../text/visible';
import { IMessageItem } from '../wire';
import { IView } from './view';

const PICTURE = /^image\/(?:png|jpeg|gif|webp)$/;
const BASE64 = /^[\w+/=\s]*$/;

export function Sent(props: { item: IMessageItem; view: IView }): VNode | null {
  const { item, view } = props;
  const run = view.thread.state.runs.find(one => one.runId === item.runId);
  const name = view.notebook?.slice(view.notebook.lastIndexOf('/') + 1);
  const names = [...(name ? [name] : []), ...(run?.context ?? [])];
  const pictures = picturesOf(item);
  if (view.saved || names.length + pictures.length === 0) {
    return null;
  }
  return (
    <ul class="lobu-sent" aria-label={view.trans.__('Sent with the message')}>
      {names.map((one, i) => (
        <li key={i} class="lobu-chip" title={visibleLine(one)} dir="auto">
          <span class="lobu-chip-text">{visibleLine(short(one))}</span>
        </li>
      ))}
      {pictures.map((src, i) => (
        <li key={`p${i}`}>
          <img class="lobu-thumb" src={src} alt={view.trans.__('Picture %1', i + 1)} />
        </li>
      ))}
    </ul>
  );
}

/** `The variable sales (DataFrame (4, 2))` is called `sales` in a chip, and a cell without its id. */
function short(description: string): string {
  const named = /^The (?:variable|file|notebook) ([^()]+?)(?: \(.*\))?$/.exec(description)?.[1];
  return named ?? description.replace(/^(cell .+), id \S+$/, '$1');
}

/** As data URLs: nothing is loaded. */
function picturesOf(item: IMessageItem): string[] {
  const parts = Array.isArray(item.content) ? list(item.content).map(object) : [];
  return parts.flatMap(part => {
    const source = object(part.source);
    const [type, value] = [text(source.mimeType), text(source.value)];
    return text(source.type) === 'data' && PICTURE.test(type) && BASE64.test(value.slice(0, 1000))
      ? [`data:${type};base64,${value}`]
      : [];
  });
}
