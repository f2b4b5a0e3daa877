/** The items of a slice, each drawn again only when it has changed. */
import { Component, VNode } from 'preact';
import { ISlice } from '../run';
import { IInterrupt, Item } from '../wire';
import { Answered, answersOf } from './answered';
import { Boundary } from './boundary';
import { Plain } from './items';
import { ToolCard } from './tool';
import { QuestionCard } from './question';
import { beginOfRow, Steps, stretches } from './steps';
import { IView } from './view';

export function Transcript(props: {
  slice: ISlice;
  /** Of the slice's items, so many from this one on are drawn. */
  from: number;
  drawn: number;
  hidePrompt: boolean;
  versionOf: (item: Item) => number;
  view: IView;
}): VNode {
  const { slice, view, from } = props;
  const running = new Set(slice.runs.filter(r => r.status === 'running').map(r => r.runId));
  const asked = new Map(slice.interrupts.map(i => [i.toolCallId ?? '', i]));
  const cards = new Set(slice.items.filter(i => i.kind === 'tool').map(i => i.id));
  const loose = slice.interrupts.filter(i => !cards.has(i.toolCallId ?? ''));
  const answers = answersOf(slice);
  const prompt = slice.items.find(i => i.kind === 'message' && i.role === 'user');
  const begin = beginOfRow(slice.items, from);
  const items = slice.items.slice(begin, from + props.drawn);
  const entry = (item: Item, at: number, last: boolean): VNode | null =>
    props.hidePrompt && item === prompt ? null : (
      <Boundary
        key={`${item.kind} ${item.id ?? at}`}
        of={item}
        version={props.versionOf(item)}
        trans={view.trans}
      >
        <Entry
          item={item}
          version={props.versionOf(item)}
          interrupt={item.kind === 'tool' ? asked.get(item.id) : undefined}
          live={!view.saved && (running.has(item.runId) || view.thread.state.status === 'running')}
          last={last}
          view={view}
        />
        <Answered run={answers.get(item)} slice={slice} view={view} />
      </Boundary>
    );
  return (
    <div class="lobu-transcript">
      {stretches(items, item => asked.has(item.id)).flatMap(({ items, at, steps }) => {
        const last = steps[steps.length - 1];
        const entries = items.map((item, i) => entry(item, begin + at + i, item === last));
        return steps.length === 0 ? (
          entries
        ) : (
          <Steps key={`steps ${steps[0].id}`} items={items} steps={steps} view={view}>
            {entries}
          </Steps>
        );
      })}
      {loose.map(interrupt => (
        <Boundary key={interrupt.id} of={interrupt} trans={view.trans}>
          <QuestionCard interrupt={interrupt} decides view={view} />
        </Boundary>
      ))}
    </div>
  );
}

interface IEntryProps {
  item: Item;
  version: number;
  interrupt: IInterrupt | undefined;
  live: boolean;
  /** The last of a row of calls, which is open. */
  last: boolean;
  view: IView;
}

class Entry extends Component<IEntryProps> {
  override shouldComponentUpdate(next: IEntryProps): boolean {
    const { props } = this;
    return (
      next.item !== props.item ||
      next.version !== props.version ||
      next.live !== props.live ||
      next.last !== props.last ||
      next.view.notebook !== props.view.notebook ||
      next.interrupt !== undefined ||
      props.interrupt !== undefined ||
      next.view.thread.opened.get(next.item.id ?? '') !== this._opened
    );
  }

  render({ item, interrupt, live, last, view }: IEntryProps): VNode {
    this._opened = view.thread.opened.get(item.id ?? '');
    return (
      <div class={item.subagentRunId ? 'lobu-entry lobu-of-subagent' : 'lobu-entry'}>
        {item.kind === 'tool' ? (
          <ToolCard item={item} interrupt={interrupt} live={live} opens={last} view={view} />
        ) : (
          <Plain item={item} live={live} view={view} />
        )}
      </div>
    );
  }

  private _opened: boolean | undefined;
}
