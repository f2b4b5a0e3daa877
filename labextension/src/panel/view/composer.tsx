/** Where the person writes: it grows, remembers what was sent, and says what sending will do. */
import { VNode } from 'preact';
import { AgentOptions } from '../../core/view/agentoptions';
import { Queue } from '../../core/view/queue';
import { PanelModel } from '../model/panel';
import { Attached, take } from './attached';
import { LIST_ID, Suggestions } from './completer';
import { IconButton } from './icons';
import { IMessage, useMessage } from './message';
import { LazyForm } from './models';
import { NotebookChip, Pickers } from './pickers';

export function Composer(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { thread } = model;
  const { trans } = model.page.host;
  const message = useMessage(model);
  return (
    <form
      class="lobu-composer lobu-panel-composer"
      onSubmit={event => {
        event.preventDefault();
        message.send();
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
      <Suggestions completer={message.completer} label={trans.__('Suggestions')} />
      <Box message={message} model={model} />
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

/** The box with the text, what is sent with it, and the button that sends. */
function Box(props: { message: IMessage; model: PanelModel }): VNode {
  const { message, model } = props;
  const { trans } = model.page.host;
  const { completer } = message;
  const completes = completer.shown.length > 0;
  return (
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
        value={model.message}
        ref={message.area}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={completes ? LIST_ID : undefined}
        aria-activedescendant={completes ? `${LIST_ID}-${completer.active}` : undefined}
        onInput={event => message.onInput(event.currentTarget)}
        onBlur={() => completer.close()}
        onKeyDown={message.onKeyDown}
      />
      <div class="lobu-box-row">
        <NotebookChip model={model} />
        <span class="lobu-grow" />
        <IconButton
          icon="send"
          label={trans.__('Send')}
          disabled={model.sending || !model.message.trim()}
          onClick={message.send}
        />
      </div>
    </div>
  );
}

function placeholder(model: PanelModel): string {
  const { trans } = model.page.host;
  return (model.thread?.state.status ?? 'idle') === 'idle'
    ? model.about
      ? trans.__('Ask about %1… (@ to add context)', model.about.name)
      : trans.__('Ask anything… (@ to add context)')
    : trans.__('Queue a message…');
}
