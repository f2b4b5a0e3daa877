/** What can be done with code that an agent ran: copy it, keep it as a cell with its outputs, open it in a cell. */
import { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { copy } from '../text/copy';
import { IToolItem } from '../wire';
import { IView } from './view';

export function CodeActions(props: { item: IToolItem; code: string; view: IView }): VNode {
  const { item, code, view } = props;
  const { trans } = view;
  const { drawing } = view.host;
  const root = useRef<HTMLDivElement>(null);
  const [said, setSaid] = useState('');
  const add = (ran: boolean): void => {
    const made = { threadId: view.thread.threadId, runId: item.runId, toolCallId: item.id };
    const cell = ran ? { outputs: item.outputs, made } : { edit: true };
    const added = root.current !== null && drawing?.addCell(code, root.current, cell);
    setSaid(added ? trans.__('Added.') : trans.__('Open a notebook that can be changed first.'));
  };
  return (
    <div class="lobu-code-tools" ref={root}>
      <button
        type="button"
        class="lobu-button lobu-quiet"
        onClick={() => void copy(code, trans).then(setSaid)}
      >
        {trans.__('Copy')}
      </button>
      {drawing && (
        <>
          <button
            type="button"
            class="lobu-button lobu-quiet"
            title={trans.__('Add the code and its outputs to the notebook')}
            onClick={() => add(true)}
          >
            {trans.__('Add as cell')}
          </button>
          <button
            type="button"
            class="lobu-button lobu-quiet"
            title={trans.__('Edit the code in a new cell')}
            onClick={() => add(false)}
          >
            {trans.__('Open in cell')}
          </button>
        </>
      )}
      <span class="lobu-code-said" role="status">
        {said}
      </span>
    </div>
  );
}
