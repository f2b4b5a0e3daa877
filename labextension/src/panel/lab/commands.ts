/** The panel's commands: all in the palette, all with a shortcut that can be set. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IThread } from '../../core/wire';
import { PanelModel } from '../model/panel';
import { addCellCommands } from './cells';
import { CommandIDs } from './ids';
import { PANEL_ID } from './widget';

export function addCommands(
  app: JupyterFrontEnd,
  model: PanelModel,
  palette: ICommandPalette | null,
  notebooks: INotebookTracker | null
): void {
  const { commands, shell } = app;
  const { trans } = model.page.host;
  const show = (): void => shell.activateById(PANEL_ID);
  const threadOf = (args: ReadonlyPartialJSONObject): IThread | undefined =>
    model.list.get(typeof args.threadId === 'string' ? args.threadId : model.threadId);
  const isThread = (args: ReadonlyPartialJSONObject): boolean => threadOf(args) !== undefined;

  const none = { args: { type: 'object' as const, properties: {} } };
  const one = {
    args: { type: 'object' as const, properties: { threadId: { type: 'string' as const } } }
  };

  commands.addCommand(CommandIDs.open, {
    describedBy: none,
    label: trans.__('Agents: Show Panel'),
    execute: () => {
      show();
      model.show('thread');
      model.focus();
    }
  });
  commands.addCommand(CommandIDs.create, {
    describedBy: none,
    label: trans.__('Agents: New Thread'),
    execute: () => {
      show();
      model.begin();
    }
  });
  commands.addCommand(CommandIDs.threads, {
    describedBy: none,
    label: trans.__('Agents: All Threads'),
    execute: () => {
      show();
      model.show('threads');
    }
  });
  commands.addCommand(CommandIDs.inbox, {
    describedBy: none,
    label: trans.__('Agents: Pending Approvals'),
    execute: () => {
      show();
      model.show('inbox');
    }
  });
  commands.addCommand(CommandIDs.rename, {
    describedBy: one,
    label: args => (args.threadId ? trans.__('Rename…') : trans.__('Agents: Rename Thread…')),
    isEnabled: isThread,
    execute: args => {
      show();
      model.open(threadOf(args)?.threadId ?? '');
      model.rename();
    }
  });
  commands.addCommand(CommandIDs.archive, {
    describedBy: one,
    label: args => {
      const archived = threadOf(args)?.archived;
      if (args.threadId) {
        return archived ? trans.__('Unarchive') : trans.__('Archive');
      }
      return trans.__('Agents: Archive Thread');
    },
    isEnabled: isThread,
    execute: args => {
      const thread = threadOf(args);
      if (thread !== undefined) {
        void model.attempt(() => model.list.archive(thread.threadId, !thread.archived));
      }
    }
  });
  commands.addCommand(CommandIDs.remove, {
    describedBy: one,
    label: args => (args.threadId ? trans.__('Delete') : trans.__('Agents: Delete Thread')),
    isEnabled: isThread,
    execute: args => {
      const thread = threadOf(args);
      if (thread !== undefined) {
        void model.attempt(() => model.list.remove(thread));
      }
    }
  });
  commands.addCommand(CommandIDs.stop, {
    describedBy: none,
    label: trans.__('Agents: Stop Agent'),
    isEnabled: () => running(model) !== undefined,
    execute: () => void model.thread?.cancel(running(model) ?? '')
  });
  const run = (command: string) => () => void commands.execute(command);
  model.commands = [
    { name: 'new', detail: trans.__('start a new thread'), run: run(CommandIDs.create) },
    { name: 'threads', detail: trans.__('show all threads'), run: run(CommandIDs.threads) },
    { name: 'inbox', detail: trans.__('show pending approvals'), run: run(CommandIDs.inbox) },
    { name: 'stop', detail: trans.__('stop the agent'), run: run(CommandIDs.stop) },
    {
      name: 'rename',
      detail: trans.__('rename this thread'),
      run: title => {
        const { threadId } = model;
        if (title.trim() && threadId !== null) {
          void model.attempt(() => model.list.rename(threadId, title.trim()));
        } else {
          model.rename();
        }
      }
    },
    { name: 'archive', detail: trans.__('archive this thread'), run: run(CommandIDs.archive) },
    { name: 'delete', detail: trans.__('delete this thread'), run: run(CommandIDs.remove) }
  ];
  if (notebooks !== null) {
    addCellCommands(commands, model, notebooks, show);
    model.commands.push(
      {
        name: 'explain',
        detail: trans.__('explain the active cell'),
        run: run(CommandIDs.explain)
      },
      {
        name: 'fix',
        detail: trans.__('fix the error of the active cell'),
        run: run(CommandIDs.fix)
      }
    );
  }
  for (const command of Object.values(CommandIDs).filter(one => commands.hasCommand(one))) {
    palette?.addItem({ command, category: trans.__('Agents') });
  }
}

/** The run that is under way in the shown thread. */
function running(model: PanelModel): string | undefined {
  return model.thread?.state.runs.find(run => run.status === 'running')?.runId;
}
