/** The panel's first line: where one is, and where else one can go. */
import { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { PanelModel } from '../model/panel';
import { IconButton } from './icons';
import { titleOf } from './words';

export function Header(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { list, view, threadId } = model;
  const { trans } = model.page.host;
  const others = list.threads.filter(one => one.threadId !== threadId && list.isUnread(one));
  const title =
    view === 'threads'
      ? trans.__('Threads')
      : view === 'inbox'
        ? trans.__('Pending approvals')
        : view === 'permissions'
          ? trans.__('Permissions')
          : threadId === null
            ? trans.__('New thread')
            : titleOf({ title: model.title }, trans);
  return (
    <div class="lobu-header" role="toolbar" aria-label={trans.__('Threads')}>
      {view === 'thread' ? (
        <IconButton
          icon="list"
          label={trans.__('All threads')}
          count={others.length}
          onClick={() => model.show('threads')}
        />
      ) : (
        <IconButton icon="back" label={trans.__('Back')} onClick={() => model.show('thread')} />
      )}
      {model.renaming ? (
        <Rename model={model} />
      ) : (
        <h2
          class="lobu-title"
          title={title}
          onDblClick={view === 'thread' ? () => model.rename() : undefined}
        >
          {title}
        </h2>
      )}
      {view !== 'thread' && (
        <IconButton
          icon="shield"
          label={trans.__('Permissions')}
          pressed={view === 'permissions'}
          onClick={() => model.show(view === 'permissions' ? 'thread' : 'permissions')}
        />
      )}
      <IconButton
        icon="inbox"
        label={
          list.waiting.length > 0
            ? trans.__('Pending approvals: %1', list.waiting.length)
            : trans.__('Pending approvals: none')
        }
        count={list.waiting.length}
        pressed={view === 'inbox'}
        onClick={() => model.show(view === 'inbox' ? 'thread' : 'inbox')}
      />
      <IconButton icon="add" label={trans.__('New thread')} onClick={() => model.begin()} />
      {view === 'thread' && threadId !== null && (
        <IconButton
          icon="more"
          menu
          label={trans.__('Thread actions')}
          onClick={event => {
            const at = (event.currentTarget as HTMLElement).getBoundingClientRect();
            model.workbench.menu(threadId, at.left, at.bottom);
          }}
        />
      )}
    </div>
  );
}

function Rename(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { trans } = model.page.host;
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const end = (keep: boolean): void => {
    const title = input.current?.value.trim() ?? '';
    const { threadId } = model;
    if (!model.renaming) {
      return; // the blur that the end itself causes
    }
    model.renaming = false;
    if (keep && title && threadId !== null && title !== model.title) {
      void model.attempt(() => model.list.rename(threadId, title));
    } else {
      model.tell();
    }
  };
  return (
    <input
      class="lobu-input lobu-rename"
      aria-label={trans.__('Title')}
      maxLength={200}
      defaultValue={model.title}
      ref={input}
      onBlur={() => end(true)}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === 'Escape') {
          end(event.key === 'Enter');
          model.focus();
        }
        event.stopPropagation();
      }}
    />
  );
}
