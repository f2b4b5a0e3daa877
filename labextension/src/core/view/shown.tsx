/**
 * What a waiting card shows: all arguments, and the diff in addition to them.
 *
 * A long text is folded, never cut: it is whole in the page, and one button shows all of it.
 */
import { ComponentChild, VNode } from 'preact';
import { isQuestion } from '../decide';
import { ITrans } from '../host';
import { parsed } from '../text/args';
import { compare, IDiffLine, unified } from '../text/diff';
import { languageOf } from '../text/highlight';
import { IPart, lineCount, partsOf } from '../text/shown';
import { hidden, visible } from '../text/visible';
import { IInterrupt, IToolItem, JsonObject } from '../wire';
import { Diff, Numbered, Visible } from './code';
import { IView } from './view';

const MOST_LINES = 12;
const MOST_CHARS = 900;

export function Asked(props: {
  interrupt: IInterrupt;
  item?: IToolItem;
  view: IView;
}): ComponentChild {
  const { interrupt, item, view } = props;
  const { trans } = view;
  const given = argsShown(interrupt, item);
  if (given === null) {
    return item?.args ? <Numbered text={item.args} language="" /> : null;
  }
  const args = { ...given };
  if (isQuestion(interrupt)) {
    delete args.questions; // each has its own form
  }
  const parts = partsOf(args);
  const short = parts.filter(part => !part.block);
  const exact = interrupt.metadata?.lobu?.argsText;
  const changes = diffLines(interrupt, args, trans);
  return (
    <>
      {short.length > 0 && <Short parts={short} />}
      {changes !== null && (
        <Folding
          id={`${interrupt.id} diff`}
          of={interrupt.id}
          lines={changes.length}
          size={changes.reduce((size, line) => size + line.text.length, 0)}
          view={view}
        >
          <Diff lines={changes} label={trans.__('Changes')} language={languageIn(args)} />
        </Folding>
      )}
      {parts
        .filter(part => part.block)
        .map(part => (
          <Folding
            key={part.name}
            id={`${interrupt.id} ${part.name}`}
            of={interrupt.id}
            name={part.name}
            lines={lineCount(part.text)}
            size={part.text.length}
            view={view}
          >
            <Numbered text={part.text} language={part.language} />
          </Folding>
        ))}
      {exact && (
        <>
          <p class="lobu-warning">
            {trans.__('Some numbers above are rounded. The exact arguments:')}
          </p>
          <Numbered text={exact} language="json" />
        </>
      )}
    </>
  );
}

/** The arguments that an approval stands for, or null where they cannot be read. */
function argsShown(interrupt: IInterrupt, item: IToolItem | undefined): JsonObject | null {
  return interrupt.metadata?.lobu?.args ?? parsed(item?.args ?? '');
}

/** The language of what the arguments change: of a file by its name, of a cell Python. */
export function languageIn(args: JsonObject): string {
  return typeof args.path === 'string' ? languageOf(args.path) : 'python';
}

/** The tool's own diff, else what turns `old` into `new`. */
function diffLines(interrupt: IInterrupt, args: JsonObject, trans: ITrans): IDiffLine[] | null {
  const diff = interrupt.metadata?.lobu?.diff;
  if (diff) {
    return unified(diff, trans);
  }
  return typeof args.old === 'string' && typeof args.new === 'string'
    ? compare(args.old, args.new)
    : null;
}

/** Why there is no Approve. */
export function Unshown(props: { interrupt: IInterrupt; view: IView }): VNode | null {
  const why = props.interrupt.metadata?.lobu?.unshown;
  return why ? (
    <p class="lobu-warning">{props.view.trans.__('Can’t be approved: %1', visible(why))}</p>
  ) : null;
}

/** The hidden characters of what is being edited, and those that the edit has taken out. */
export function Hidden(props: { before: string; after: string; view: IView }): VNode | null {
  const [was, is] = [hidden(props.before), hidden(props.after)];
  const gone = [...was].filter(([escape, count]) => (is.get(escape) ?? 0) < count);
  const { trans } = props.view;
  return was.size + is.size === 0 ? null : (
    <p class="lobu-warning" role="status">
      {is.size > 0 && trans.__('Contains hidden characters: %1.', listed([...is]))}{' '}
      {gone.length > 0 &&
        trans.__('Your edit removes hidden characters: %1.', gone.map(([e]) => e).join(', '))}
    </p>
  );
}

function listed(counts: [string, number][]): string {
  return counts.map(([escape, n]) => (n > 1 ? `${escape} (${n} times)` : escape)).join(', ');
}

/** Arguments of one line each. */
export function Short(props: { parts: IPart[] }): VNode {
  return (
    <dl class="lobu-args" tabIndex={0}>
      {props.parts.map((part, i) => (
        <div key={part.name}>
          <dt>
            <Visible text={part.name} line />
          </dt>
          <dd>
            <Visible text={part.text} line />
            {i === props.parts.length - 1 && <i class="lobu-end" />}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Folding(props: {
  id: string;
  /** The id of the question; what shows it whole opens `of *`. */
  of: string;
  /** Of the argument; absent: it is the diff. */
  name?: string;
  lines: number;
  size: number;
  view: IView;
  children: ComponentChild;
}): VNode {
  const { id, lines, view } = props;
  const { trans } = view;
  const long = lines > MOST_LINES || props.size > MOST_CHARS;
  const open = view.thread.opened.get(id) ?? view.thread.opened.get(`${props.of} *`) ?? false;
  const toggle = (): void => {
    view.thread.opened.set(id, !open);
    view.redraw();
  };
  const all = lines > 1 ? trans.__('Show all %1 lines', lines) : trans.__('Show the whole line');
  return (
    <div class={long && !open ? 'lobu-part lobu-folded' : 'lobu-part'}>
      {(lines > 1 || props.name !== 'code') && (
        <p class="lobu-part-head">
          {props.name === undefined ? (
            trans.__('Changes')
          ) : (
            <span class="lobu-part-name">
              <Visible text={props.name} line />
            </span>
          )}
          {lines > 1 && <span>{trans.__('%1 lines', lines)}</span>}
        </p>
      )}
      {props.children}
      {long && (
        <button
          type="button"
          class="lobu-button lobu-quiet lobu-unfold"
          aria-expanded={open}
          onClick={toggle}
        >
          {open ? trans.__('Show less') : all}
        </button>
      )}
    </div>
  );
}
