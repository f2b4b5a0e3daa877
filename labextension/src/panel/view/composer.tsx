/** Where the person writes: it grows, remembers what was sent, and says what sending will do. */
import { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Queue } from '../../core/view/queue';
import { PanelModel } from '../model/panel';
import { LIST_ID, Suggestions, useCompleter } from './completer';
import { IconButton } from './icons';
import { AgentOptions } from '../../core/view/agentoptions';
import { LazyForm } from './models';
import { NotebookChip, Pickers } from './pickers';

const TALLEST = 220; // px

export function Composer(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { thread } = model;
  const { trans } = model.page.host;
  const area = useRef<HTMLTextAreaElement>(null);
  const past = useRef(-1);
  const { message } = model;
  useLayoutEffect(() => grow(area.current), [message]);
  useEffect(() => {
    if (model.focusWanted > 0) {
      area.current?.focus();
    }
  }, [model.focusWanted]);
  const completer = useCompleter(model, (text, caret) => {
    model.message = text;
    if (area.current !== null) {
      area.current.value = text;
      area.current.setSelectionRange(caret, caret);
      area.current.focus();
    }
  });
  const send = (): void => {
    past.current = -1;
    completer.close();
    void model.send();
  };
  const recall = (step: number): boolean => {
    const { history } = model;
    const next = past.current + step;
    if (next < -1 || next >= history.length || (past.current < 0 && message.trim())) {
      return false;
    }
    past.current = next;
    model.message = next < 0 ? '' : history[next];
    return true;
  };
  return (
    <form
      class="lobu-composer lobu-panel-composer"
      onSubmit={event => {
        event.preventDefault();
        send();
      }}
    >
      {thread !== null && <Queue view={{ thread, trans }} />}
      {model.problem && (
        <p class="lobu-problem" role="alert">
          {model.problem}
        </p>
      )}
      {model.rewriting !== null && (
        <p class="lobu-rewriting">
          {trans.__('Editing creates a new branch from here.')}
          <button type="button" class="lobu-button lobu-quiet" onClick={() => model.keepAsItIs()}>
            {trans.__('Cancel')}
          </button>
        </p>
      )}
      <Suggestions completer={completer} label={trans.__('Suggestions')} />
      <div
        class="lobu-box"
        onDragOver={event => {
          if (event.dataTransfer?.types.includes('Files')) {
            event.preventDefault();
          }
        }}
        onDrop={event => take(event, event.dataTransfer, model)}
        onPaste={event => take(event, event.clipboardData, model)}
      >
        <Attached model={model} />
        <textarea
          class="lobu-message-input"
          rows={1}
          aria-label={trans.__('Message to the agent')}
          placeholder={placeholder(model)}
          value={message}
          ref={area}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={completer.shown.length > 0 ? LIST_ID : undefined}
          aria-activedescendant={
            completer.shown.length > 0 ? `${LIST_ID}-${completer.active}` : undefined
          }
          onInput={event => {
            past.current = -1;
            const { value, selectionStart } = event.currentTarget;
            model.message = value;
            completer.look(value, selectionStart);
          }}
          onBlur={() => completer.close()}
          onKeyDown={event => {
            const { selectionStart, selectionEnd, value } = event.currentTarget;
            const still = selectionStart === selectionEnd && !event.shiftKey;
            if (!event.ctrlKey && !event.metaKey && !event.altKey) {
              event.stopPropagation(); // what is typed is no shortcut; a chord may be one
            }
            if (completer.key(event)) {
              return;
            }
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
              event.preventDefault();
              send();
            } else if (
              event.key === 'ArrowUp' &&
              still &&
              !value.slice(0, selectionStart).includes('\n')
            ) {
              if (recall(1)) {
                event.preventDefault();
              }
            } else if (event.key === 'ArrowDown' && still && past.current >= 0) {
              recall(-1);
              event.preventDefault();
            }
          }}
        />
        <div class="lobu-box-row">
          <NotebookChip model={model} />
          <span class="lobu-grow" />
          <IconButton
            icon="send"
            label={trans.__('Send')}
            disabled={model.sending || !message.trim()}
            onClick={send}
          />
        </div>
      </div>
      {model.models.form !== null && (
        <LazyForm
          key={model.models.form}
          model={model}
          provider={model.models.form}
          onDone={() => model.focus()}
        />
      )}
      <div class="lobu-pickers">
        <Pickers model={model} />
        {model.thread && (
          <AgentOptions thread={model.thread} agent={model.choice.agent} trans={trans} />
        )}
      </div>
    </form>
  );
}

function Attached(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { trans } = model.page.host;
  if (model.attached.length === 0) {
    return null;
  }
  return (
    <ul class="lobu-attached" aria-label={trans.__('Sent with the message')}>
      {model.attached.map((one, i) => (
        <li key={i} class="lobu-chip">
          {one.image && <img class="lobu-thumb" src={one.image} alt="" />}
          <span class="lobu-chip-text">{one.name}</span>
          <IconButton
            icon="close"
            label={trans.__('Remove %1', one.name)}
            onClick={() => model.detach(one)}
          />
        </li>
      ))}
    </ul>
  );
}

/** Files that were dropped or pasted; a text that is pasted stays a text. */
function take(event: Event, data: DataTransfer | null, model: PanelModel): void {
  if (data !== null && data.files.length > 0) {
    event.preventDefault();
    void model.attempt(async () => model.attach(await model.workbench.dropped(data)));
  }
}

/** As tall as its text, up to a limit. */
function grow(area: HTMLTextAreaElement | null): void {
  if (area !== null) {
    area.style.height = 'auto';
    area.style.height = `${Math.min(TALLEST, area.scrollHeight)}px`;
  }
}

function placeholder(model: PanelModel): string {
  const { trans } = model.page.host;
  return (model.thread?.state.status ?? 'idle') === 'idle'
    ? model.about
      ? trans.__('Ask about %1… (@ to add context)', model.about.name)
      : trans.__('Ask anything… (@ to add context)')
    : trans.__('Queue a message…');
}
