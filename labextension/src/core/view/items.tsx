/** The items of a transcript that are not tool calls. */
import { ComponentChild, VNode } from 'preact';
import { useReducer } from 'preact/hooks';
import { textOf } from '../run';
import {
  IErrorItem,
  IMessageItem,
  INamedItem,
  IReasoningItem,
  Item,
  ISubagentItem,
  JsonObject
} from '../wire';
import { object } from '../json';
import { stepsOf } from '../text/plan';
import { visible } from '../text/visible';
import { JsonView } from './code';
import { Markdown } from './markdown';
import { Plan } from './plan';
import { Undone } from './restore';
import { Sent } from './sent';
import { IView } from './view';

export function Plain(props: { item: Item; live: boolean; view: IView }): ComponentChild {
  const { item, view } = props;
  const { trans } = view;
  switch (item.kind) {
    case 'message':
      return <Message item={item} view={view} />;
    case 'reasoning':
      return <Reasoning item={item} live={props.live} view={view} />;
    case 'error':
      return <RunError item={item} view={view} />;
    case 'cancelled':
      return <p class="lobu-notice">{trans.__('Stopped.')}</p>;
    case 'notice':
      return <Notice item={item} view={view} />;
    case 'step':
      return <p class="lobu-step">{item.id}</p>;
    case 'subagent':
      return <Subagent item={item} view={view} />;
    case 'activity': {
      const steps = stepsOf(object(item.content).steps);
      if (steps !== null) {
        return <Plan steps={steps} trans={trans} />;
      }
      return <Raw title={item.activityType} value={item.content} />;
    }
    case 'custom':
      return <Raw title={item.name} value={item.value} />;
    case 'raw':
      return <Raw title={trans.__('Event %1', item.event.type)} value={item.event} />;
    case 'tool':
      return null;
  }
}

function Message(props: { item: IMessageItem; view: IView }): VNode | null {
  const { item, view } = props;
  const text = textOf(item.content);
  if (item.role === 'user') {
    return (
      <>
        <Prompt id={item.id} text={text} view={view} />
        <Sent item={item} view={view} />
        {view.extras?.(item)}
      </>
    );
  }
  if (!text && item.done) {
    return null;
  }
  return (
    <>
      <div class="lobu-message lobu-assistant">
        <Markdown text={text} done={item.done} host={view.host} />
      </div>
      {view.extras?.(item)}
    </>
  );
}

const MOST_LINES = 12;
const MOST_CHARS = 900;

/** What the person wrote: a long one is clamped. */
function Prompt(props: { id: string; text: string; view: IView }): VNode {
  const { text, view } = props;
  const { trans } = view;
  const id = `prompt ${props.id}`;
  const long = text.length > MOST_CHARS || text.split('\n').length > MOST_LINES;
  const open = view.thread.opened.get(id) ?? false;
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  return (
    <div class="lobu-message lobu-user" dir="auto">
      <div class={long && !open ? 'lobu-clamped' : undefined}>{text}</div>
      {long && (
        <button
          type="button"
          class="lobu-button lobu-quiet"
          aria-expanded={open}
          onClick={() => {
            view.thread.opened.set(id, !open);
            redraw(null);
          }}
        >
          {open ? trans.__('Show less') : trans.__('Show more')}
        </button>
      )}
    </div>
  );
}

function Reasoning(props: { item: IReasoningItem; live: boolean; view: IView }): VNode {
  const { item, view } = props;
  const thinks = !item.done && props.live;
  const { opened } = view.thread;
  return (
    <details
      class="lobu-reasoning"
      open={opened.get(item.id) ?? thinks}
      onToggle={event => opened.set(item.id, event.currentTarget.open)}
    >
      <summary>{thinks ? view.trans.__('Thinking…') : view.trans.__('Thought')}</summary>
      <Markdown text={item.content} done={item.done} host={view.host} />
    </details>
  );
}

function RunError(props: { item: IErrorItem; view: IView }): VNode {
  const { item, view } = props;
  const { trans } = view;
  const words: { [code: string]: string } = {
    kernel_died: trans.__('The kernel died'),
    kernel_restarted: trans.__('The kernel restarted'),
    kernel_shutdown: trans.__('The kernel shut down'),
    kernel_start_failed: trans.__('The kernel could not start'),
    worker_died: trans.__('The agent process died'),
    worker_lost: trans.__('The agent process stopped responding'),
    server_restarted: trans.__('The Jupyter server restarted'),
    provider_error: trans.__('The model provider had an error'),
    no_model: trans.__('No model set up'),
    guardrail: trans.__('Refused by a guardrail'),
    expired: trans.__('Expired'),
    budget_exceeded: trans.__('Budget used up'),
    replay_mismatch: trans.__('The recording does not match')
  };
  return (
    <div class="lobu-error" role="group">
      <strong>{words[item.code] ?? trans.__('The run failed')}</strong>
      <p>{item.message}</p>
      <code class="lobu-error-code">{item.code}</code>
    </div>
  );
}

function Notice(props: { item: INamedItem; view: IView }): VNode | null {
  const { item, view } = props;
  const { trans } = view;
  const value = (item.value ?? {}) as JsonObject;
  if (['lobu.agent', 'lobu.agent_title', 'lobu.budget', 'lobu.retry'].includes(item.name)) {
    return null; // for the composer, the title, the footer and the status line
  }
  if (item.name === 'lobu.undone') {
    return <Undone item={item} view={view} />;
  }
  if (item.name === 'lobu.instructions') {
    return (
      <p class="lobu-notice">
        {trans.__(
          'Following the instructions in %1',
          typeof value.path === 'string' ? value.path : ''
        )}
      </p>
    );
  }
  if (typeof value.message !== 'string' || !value.message) {
    return <Raw title={item.name} value={item.value} />;
  }
  const by = typeof value.by === 'string' && value.by !== 'owner' ? ` (${value.by})` : '';
  const warns = ['lobu.kernel', 'lobu.cut', 'lobu.still_running'].includes(item.name);
  return (
    <p class={warns ? 'lobu-notice lobu-warning' : 'lobu-notice'}>
      {visible(value.message)}
      {by}
    </p>
  );
}

function Subagent(props: { item: ISubagentItem; view: IView }): VNode {
  const { item, view } = props;
  const words = {
    running: view.trans.__('working'),
    waiting: view.saved ? view.trans.__('not run') : view.trans.__('needs approval'),
    done: view.trans.__('done'),
    failed: view.trans.__('failed')
  };
  return (
    <p class="lobu-step">
      <strong>{visible(item.name)}</strong> {visible(item.description ?? '')} · {words[item.status]}
      {item.message ? `: ${item.message}` : ''}
    </p>
  );
}

/** What has no card of its own is shown as it came. */
function Raw(props: { title: string; value: unknown }): VNode {
  return (
    <details class="lobu-raw">
      <summary>{props.title}</summary>
      <JsonView value={props.value} />
    </details>
  );
}
