/** The panel's commands: all in the palette, all with a shortcut that can be set. */
import type { ILabShell } from '@jupyterlab/application';
import { JupyterFrontEnd } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { isByHand } from '../../core/hand';
import { PanelModel } from '../model/panel';
import { addCellCommands } from './cells';
import { CommandIDs } from './ids';
import { slashCommands } from './slash';
import { addThreadCommands } from './threads';
import { lobuIcon, PANEL_ID } from './widget';

/** The least width of a window for both sidebars beside a notebook, as at 200 % zoom of a small screen it has not. */
const BESIDE_PX = 800;

export function addCommands(
  app: JupyterFrontEnd,
  model: PanelModel,
  palette: ICommandPalette | null,
  notebooks: INotebookTracker | null
): void {
  const { commands, shell } = app;
  const { trans } = model.page.host;
  const show = (): void => {
    if (window.innerWidth < BESIDE_PX && 'collapseLeft' in shell) {
      (shell as ILabShell).collapseLeft(); // else nothing is left of the notebook
    }
    shell.activateById(PANEL_ID);
  };
  addViewCommands(app, model, show);
  addRunCommands(app, model);
  addThreadCommands(commands, model, show);
  if (notebooks !== null) {
    addCellCommands(commands, model, notebooks, show);
  }
  model.commands = slashCommands(commands, model, notebooks !== null);
  for (const command of Object.values(CommandIDs).filter(one => commands.hasCommand(one))) {
    palette?.addItem({ command, category: trans.__('Agents') });
  }
}

const describedBy = { args: { type: 'object' as const, properties: {} } };

/** What the panel shows. */
function addViewCommands(app: JupyterFrontEnd, model: PanelModel, show: () => void): void {
  const { commands } = app;
  const { trans } = model.page.host;
  const add = (id: string, label: string, then: () => void): void => {
    commands.addCommand(id, {
      describedBy,
      label,
      execute: () => {
        show();
        then();
      }
    });
  };
  commands.addCommand(CommandIDs.open, {
    describedBy,
    label: args =>
      args.launcher || args.toolbar ? trans.__('Ask an agent') : trans.__('Agents: Show Panel'),
    caption: trans.__('Ask an agent about this notebook'),
    icon: args => (args.launcher || args.toolbar ? lobuIcon : undefined),
    execute: () => {
      show();
      model.show('thread');
      model.focus();
    }
  });
  add(CommandIDs.create, trans.__('Agents: New Thread'), () => model.begin());
  add(CommandIDs.threads, trans.__('Agents: All Threads'), () => model.show('threads'));
  add(CommandIDs.inbox, trans.__('Agents: Pending Approvals'), () => model.show('inbox'));
  add(CommandIDs.permissions, trans.__('Agents: Permissions'), () => model.show('permissions'));
}

/** What is done about the run in front: decide its question, or stop it. */
function addRunCommands(app: JupyterFrontEnd, model: PanelModel): void {
  const { commands } = app;
  const { trans } = model.page.host;
  commands.addCommand(CommandIDs.approve, {
    describedBy,
    label: trans.__('Agents: Approve'),
    caption: trans.__(
      'Approve the action that the panel shows. One that was not shown whole is shown first.'
    ),
    isEnabled: () => model.card() !== null,
    execute: () => {
      const card = model.card();
      if (isByHand(window.event)) {
        card?.approveFromAfar();
      } else {
        card?.reveal(); // a script may run commands and send keys
      }
    }
  });
  commands.addCommand(CommandIDs.reject, {
    describedBy,
    label: trans.__('Agents: Reject…'),
    caption: trans.__('Reject the action that the panel shows, with a reason if you like'),
    isEnabled: () => model.card() !== null,
    execute: () => model.card()?.reject()
  });
  commands.addCommand(CommandIDs.stop, {
    describedBy,
    label: trans.__('Agents: Stop Agent'),
    isEnabled: () => running(model) !== undefined,
    execute: () => void model.thread?.stop(running(model) ?? '')
  });
}

/** The run that is under way in the shown thread. */
function running(model: PanelModel): string | undefined {
  return model.thread?.state.runs.find(run => run.status === 'running')?.runId;
}
