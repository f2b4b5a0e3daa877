/** What can be done with a message: copy it; write one's own anew as a fork; ask again. */
import { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { textOf } from '../../core/run';
import { copy } from '../../core/text/copy';
import { Thread } from '../../core/thread';
import { Restore } from '../../core/view/restore';
import { IMessageItem, IState, Item } from '../../core/wire';
import { PanelModel } from '../model/panel';

export function MessageExtras(props: {
  item: IMessageItem;
  thread: Thread;
  model: PanelModel;
}): VNode | null {
  const { item, thread, model } = props;
  const { trans } = model.page.host;
  const [said, setSaid] = useState('');
  const text = textOf(item.content);
  if (!item.done || !text) {
    return null;
  }
  const restores = restoresTo(item, thread.state);
  return (
    <div class={`lobu-extras lobu-extras-${item.role}`}>
      <button
        type="button"
        class="lobu-button lobu-quiet"
        onClick={() => void copy(text, trans).then(setSaid)}
      >
        {trans.__('Copy')}
      </button>
      {item.role === 'user' && (
        <>
          <button
            type="button"
            class="lobu-button lobu-quiet"
            onClick={() => model.rewrite(item.runId, text)}
          >
            {trans.__('Edit')}
          </button>
          <button
            type="button"
            class="lobu-button lobu-quiet"
            onClick={() => void model.again(item.runId, text)}
          >
            {trans.__('Ask again')}
          </button>
        </>
      )}
      <span role="status">{said}</span>
      {restores !== null && (
        <Restore
          target={{ runId: restores }}
          label={trans.__('Restore to here')}
          title={trans.__('Take back what was changed in cells and files since')}
          view={{ page: model.page, thread, trans }}
        />
      )}
    </div>
  );
}

/** The first run that would be taken back for this message, or null: nothing has changed since. */
function restoresTo(item: IMessageItem, { runs, items, status }: IState): string | null {
  const own = item.role === 'user';
  const from = own ? item.runId : items.slice(items.indexOf(item)).find(isPrompt)?.runId;
  const first = runs.findIndex(run => run.runId === from);
  const changed = first >= 0 && runs.slice(first).some(run => (run.changes ?? 0) > 0);
  return from !== undefined && changed && status !== 'running' ? from : null;
}

function isPrompt(item: Item): boolean {
  return item.kind === 'message' && item.role === 'user';
}
