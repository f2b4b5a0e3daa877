/** What a message that begins with `/` does. */
import { CommandRegistry } from '@lumino/commands';
import { ISlashCommand } from '../model/commands';
import { PanelModel } from '../model/panel';
import { CommandIDs } from './ids';

export function slashCommands(
  commands: CommandRegistry,
  model: PanelModel,
  withCells: boolean
): ISlashCommand[] {
  const { trans } = model.page.host;
  const run = (command: string) => () => void commands.execute(command);
  const ofCells = [
    { name: 'explain', detail: trans.__('explain the active cell'), run: run(CommandIDs.explain) },
    { name: 'fix', detail: trans.__('fix the error of the active cell'), run: run(CommandIDs.fix) }
  ];
  return [
    { name: 'new', detail: trans.__('start a new thread'), run: run(CommandIDs.create) },
    { name: 'threads', detail: trans.__('show all threads'), run: run(CommandIDs.threads) },
    { name: 'inbox', detail: trans.__('show pending approvals'), run: run(CommandIDs.inbox) },
    {
      name: 'permissions',
      detail: trans.__('show approvals, rules and MCP servers'),
      run: run(CommandIDs.permissions)
    },
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
    { name: 'delete', detail: trans.__('delete this thread'), run: run(CommandIDs.remove) },
    ...(withCells ? ofCells : [])
  ];
}
