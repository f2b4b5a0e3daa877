/** Questions about the cell at hand: explain it, fix its error, ask about what is selected. */
import { CodeCell } from '@jupyterlab/cells';
import { INotebookTracker } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { PanelModel } from '../model/panel';
import { CommandIDs } from './ids';
import { sourceOf } from './mentions';
import { lobuIcon } from './widget';

export function addCellCommands(
  commands: CommandRegistry,
  model: PanelModel,
  notebooks: INotebookTracker,
  show: () => void
): void {
  const { trans } = model.page.host;
  const hasSource = (): boolean => {
    const cell = notebooks.activeCell;
    return cell !== null && sourceOf(cell).trim() !== '';
  };
  const ask = (prompt: string): void => {
    show();
    model.show('thread');
    void model.ask(prompt);
  };
  const describedBy = { args: { type: 'object' as const, properties: {} } };

  commands.addCommand(CommandIDs.explain, {
    describedBy,
    label: args => (args.toolbar ? '' : trans.__('Agents: Explain This Cell')),
    caption: trans.__('Explain this cell'),
    icon: args => (args.toolbar ? lobuIcon : undefined),
    isEnabled: hasSource,
    execute: () => ask(trans.__('Explain this code. %1', '@cell'))
  });
  commands.addCommand(CommandIDs.fix, {
    describedBy,
    label: args => (args.toolbar ? trans.__('Fix error') : trans.__('Agents: Fix This Error')),
    caption: trans.__('Fix this error'),
    isEnabled: () => hasError(notebooks),
    isVisible: () => hasError(notebooks),
    execute: () => ask(trans.__('Fix the error in this cell. %1 %2', '@cell', '@output'))
  });
  commands.addCommand(CommandIDs.ask, {
    describedBy,
    label: trans.__('Agents: Ask About Selection'),
    isEnabled: hasSource,
    execute: () => {
      show();
      model.show('thread');
      const { message } = model;
      if (!message.includes('@selection')) {
        model.message = message ? `${message} @selection ` : '@selection ';
      }
      model.focus();
    }
  });
  const changed = (): void => {
    for (const command of [CommandIDs.explain, CommandIDs.fix, CommandIDs.ask]) {
      commands.notifyCommandChanged(command);
    }
  };
  let unwatch: () => void = () => undefined;
  notebooks.activeCellChanged.connect((_, cell) => {
    unwatch();
    const model = cell?.model;
    model?.stateChanged.connect(changed);
    unwatch = () => model?.stateChanged.disconnect(changed);
    changed();
  });
}

/** Has the active cell failed? */
function hasError(notebooks: INotebookTracker): boolean {
  const cell = notebooks.activeCell;
  return (
    cell instanceof CodeCell &&
    cell.model.sharedModel.outputs.some(one => one.output_type === 'error')
  );
}
