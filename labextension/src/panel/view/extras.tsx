/** What can be done with a message: copy it; write one's own anew as a fork; ask again. */
import { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { textOf } from '../../core/run';
import { IMessageItem } from '../../core/wire';
import { PanelModel } from '../model/panel';
import { copy } from './blocks';

export function MessageExtras(props: { item: IMessageItem; model: PanelModel }): VNode | null {
  const { item, model } = props;
  const { trans } = model.page.host;
  const [said, setSaid] = useState('');
  const text = textOf(item.content);
  if (!item.done || !text) {
    return null;
  }
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
    </div>
  );
}
