/**
 * The JupyterLab plugin of the side panel: it registers what is small, and keeps count of what waits.
 *
 * What is drawn is loaded when the panel is first shown.
 */
import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
// Small, and needed from the start: commands, the sidebar's icon, the count of what waits.
/* eslint-disable jupyter/prefer-lazy-imports */
import { pageOf } from '../core/browser';
import { realClock } from '../core/time';
import { bringBackOutputs } from './lab/broughtback';
import { addCommands } from './lab/commands';
import { followFiles } from './lab/followed';
import { cellName, cellOf, showCell } from './lab/cellname';
import { CommandIDs } from './lab/ids';
import { addInline } from './lab/inline';
import { labKernels } from './lab/kernels';
import { Notifier } from './lab/notify';
import { StatusItem } from './lab/status';
import { PANEL_ID, PanelWidget } from './lab/widget';
import { labTrans } from '../mime/host';
import { offerNotebooks, onLoad } from './lab/notebooks';
import { reviewChanges } from './lab/reviews';
import { LabWorkbench } from './lab/workbench';
import { ThreadList } from './model/list';
import { Memory } from './model/memory';
import { PanelModel } from './model/panel';
/* eslint-enable jupyter/prefer-lazy-imports */

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'lobu-jupyter:panel',
  description: 'The side panel: chats with agents, and what needs your approval.',
  autoStart: true,
  optional: [
    INotebookTracker,
    ICommandPalette,
    IStatusBar,
    ILayoutRestorer,
    ITranslator,
    ISettingRegistry,
    ILauncher
  ],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null,
    registry: ISettingRegistry | null,
    launcher: ILauncher | null
  ) => {
    const { serverSettings } = app.serviceManager;
    const page = pageOf(serverSettings);
    const trans = (translator ?? nullTranslator).load('lobu_jupyter');
    page.host = {
      ...page.host,
      trans: labTrans(trans),
      cellName: id => cellName(notebooks, id, page.host.trans),
      cellOf: callId => cellOf(notebooks, callId),
      ...(notebooks === null
        ? {}
        : {
            kernels: labKernels(notebooks, path =>
              app.commands.execute('docmanager:open', { path })
            )
          }),
      showCell: id => showCell(app, notebooks, id)
    };
    const memory = new Memory(window.localStorage, serverSettings.baseUrl);
    const list = new ThreadList(page, memory, realClock);
    const model = new PanelModel(
      page,
      list,
      memory,
      new LabWorkbench(app, notebooks, () => page.host.trans)
    );
    const widget = new PanelWidget(model);
    app.shell.add(widget, 'right', { rank: 500, type: 'Agents' });
    restorer?.add(widget, PANEL_ID);
    if (notebooks !== null) {
      addInline(app, model, notebooks);
    }
    addCommands(app, model, palette, notebooks);
    launcher?.add({
      command: CommandIDs.open,
      args: { launcher: true },
      category: trans.__('Agents')
    });
    const notifier = new Notifier(model, () => app.shell.activateById(PANEL_ID));
    if (statusBar !== null) {
      const item = new StatusItem(model, () => void app.commands.execute(CommandIDs.inbox));
      statusBar.registerStatusItem('lobu-jupyter:waiting', {
        item,
        align: 'left',
        rank: 3,
        isActive: () => item.active,
        activeStateChanged: item.activeChanged
      });
    }
    void app.restored.then(async () => {
      list.start();
      followFiles(
        () => app.shell.widgets('main'),
        app.serviceManager.contents,
        listener => page.socket.onChanged(listener)
      );
      if (notebooks !== null) {
        bringBackOutputs(page.api, notebooks, app.serviceManager.contents);
        offerNotebooks(page.socket, notebooks, app.serviceManager.contents);
        onLoad(() => void page.api.warm().catch(() => undefined)); // the first run starts a worker too
        reviewChanges(model, notebooks, app.serviceManager.contents, () =>
          app.shell.activateById(PANEL_ID)
        );
      }
      const settings = await registry?.load(plugin.id);
      const apply = (): void => {
        notifier.wanted = settings?.composite.notifications === true;
        model.follows = settings?.composite.followNotebook !== false;
        model.usualPlace = settings?.composite.workIn === 'chat' ? 'chat' : 'cells';
        model.tell();
      };
      settings?.changed.connect(apply);
      apply();
    });
  }
};

export default plugin;
