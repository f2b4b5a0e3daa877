/** The list of threads: found by typing, opened by a click or Enter, walked with the arrow keys. */
import { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ITrans } from '../../core/host';
import { IThread } from '../../core/wire';
import { MOST } from '../model/list';
import { PanelModel } from '../model/panel';
import { IconButton } from './icons';
import { ago, nameOf, standing, titleOf } from './words';

export function Threads(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { list } = model;
  const { trans } = model.page.host;
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => root.current?.querySelector('input')?.focus(), []);
  return (
    <div class="lobu-threads" ref={root} onKeyDown={event => walk(event, root.current)}>
      <div class="lobu-search">
        <input
          type="search"
          class="lobu-input"
          placeholder={trans.__('Search threads')}
          aria-label={trans.__('Search threads')}
          value={list.search}
          onInput={event => list.find(event.currentTarget.value)}
        />
        <label class="lobu-check">
          <input
            type="checkbox"
            checked={list.archived}
            onChange={event => void list.showArchived(event.currentTarget.checked)}
          />
          {trans.__('Archived')}
        </label>
      </div>
      <p class="lobu-sr" role="status">
        {list.found === null ? '' : trans.__('%1 threads found', list.found.length)}
      </p>
      {list.problem && (
        <p class="lobu-problem" role="alert">
          {list.problem}
        </p>
      )}
      <ul class="lobu-thread-list" aria-label={trans.__('Threads')}>
        {list.shown.map(thread => (
          <Row key={thread.threadId} thread={thread} model={model} trans={trans} />
        ))}
      </ul>
      {list.shown.length >= MOST && (
        <p class="lobu-empty">
          {trans.__('Showing the last %1. Search to find older ones.', MOST)}
        </p>
      )}
      {list.loaded && list.shown.length === 0 && (
        <p class="lobu-empty">
          {list.found === null ? trans.__('No threads yet.') : trans.__('No matching threads.')}
        </p>
      )}
    </div>
  );
}

function Row(props: { thread: IThread; model: PanelModel; trans: ITrans }): VNode {
  const { thread, model, trans } = props;
  const { threadId, notebookPath } = thread;
  const unread = model.list.isUnread(thread);
  const stands = standing(thread, unread, trans);
  const mark = thread.status === 'idle' ? (unread ? 'unread' : 'idle') : thread.status;
  return (
    <li
      class={`lobu-thread lobu-thread-${mark}`}
      onContextMenu={event => {
        event.preventDefault();
        model.workbench.menu(threadId, event.clientX, event.clientY);
      }}
    >
      <button
        type="button"
        class="lobu-thread-open"
        aria-current={threadId === model.threadId ? 'true' : undefined}
        onClick={() => model.open(threadId)}
        onKeyDown={event => {
          if (event.key === 'Delete') {
            void model.attempt(() => model.list.remove(thread));
          } else if (event.key === 'F2') {
            model.open(threadId);
            model.rename();
          }
        }}
      >
        <span class="lobu-thread-mark" aria-hidden="true" />
        <span class="lobu-thread-title">{titleOf(thread, trans)}</span>
        <span class="lobu-thread-more">
          {[
            stands,
            notebookPath ? nameOf(notebookPath) : '',
            ago(thread.updatedAt, Date.now(), trans)
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </button>
      <IconButton
        icon="more"
        menu
        label={trans.__('Actions for %1', titleOf(thread, trans))}
        onClick={event => {
          const at = (event.currentTarget as HTMLElement).getBoundingClientRect();
          model.workbench.menu(threadId, at.left, at.bottom);
        }}
      />
    </li>
  );
}

/** Arrow keys go from the search to the rows and between them. */
function walk(event: KeyboardEvent, root: HTMLElement | null): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (root === null || step === undefined) {
    return;
  }
  const stops = [...root.querySelectorAll<HTMLElement>('input[type=search], .lobu-thread-open')];
  const at = stops.findIndex(one => one.parentElement?.contains(document.activeElement));
  stops[Math.max(0, Math.min(stops.length - 1, at + step))]?.focus();
  event.preventDefault();
}
