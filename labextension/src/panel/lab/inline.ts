/** What can be asked at a cell itself: its error explained or fixed, and its text made or changed. */
import { JupyterFrontEnd } from '@jupyterlab/application';
import { Cell, CodeCell } from '@jupyterlab/cells';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { askAbout } from '../model/about';
import { PanelModel } from '../model/panel';
import type { InlineBox } from '../inline/box';
import { aboutCell, nameOf } from './about';
import { Deed, offerHelp } from './errors';
import { CommandIDs } from './ids';
import { PANEL_ID } from './widget';

export function addInline(
  app: JupyterFrontEnd,
  model: PanelModel,
  notebooks: INotebookTracker
): void {
  const { trans } = model.page.host;
  /** The answer comes beside the notebook, which keeps the focus. */
  const showBeside = (panel: NotebookPanel): void => {
    model.quiet = true;
    app.shell.activateById(PANEL_ID);
    model.show('thread');
    app.shell.activateById(panel.id);
  };
  const ask = async (panel: NotebookPanel, cell: CodeCell, deed: Deed): Promise<void> => {
    panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
    const name = nameOf(panel, cell, trans);
    const words =
      deed === 'explain'
        ? trans.__('Explain the error of %1.', name)
        : trans.__('Fix the error of %1 with a change of that cell.', name);
    const about = aboutCell(cell, name);
    showBeside(panel);
    await askAbout(model, words, about);
  };
  offerHelp(notebooks, () => trans, ask);

  let box: InlineBox | null = null;
  const open = async (panel: NotebookPanel, cell: Cell): Promise<void> => {
    const { InlineBox } = await import('../inline/box');
    if (box?.isDisposed === false && box.cell === cell) {
      box.focus();
      return;
    }
    box?.dispose();
    box = new InlineBox({ panel, cell, model, showBeside: () => showBeside(panel) });
  };
  app.commands.addCommand(CommandIDs.inline, {
    describedBy: { args: { type: 'object', properties: {} } },
    label: trans.__('Agents: Generate or Change This Cell'),
    caption: trans.__('Say what the active cell should do. You see the change before it is made.'),
    isEnabled: () => notebooks.activeCell !== null,
    execute: () => {
      const { currentWidget: panel, activeCell: cell } = notebooks;
      return panel !== null && cell !== null ? open(panel, cell) : undefined;
    }
  });
}
