/** The commands about one thread: of the arguments, else the one that is shown. */
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IThread, JsonObject } from '../../core/wire';
import { PanelModel } from '../model/panel';
import { CommandIDs } from './ids';

const describedBy = {
  args: { type: 'object' as const, properties: { threadId: { type: 'string' as const } } }
};

/** Beside its notebook, `lobu test` finds a recording by this name. */
export function recordingName(thread: IThread): string {
  const file = (thread.notebookPath ?? '').split('/').pop() ?? '';
  return `${file.replace(/\.ipynb$/, '') || 'chat'}.recording.json`;
}

function download(name: string, document_: JsonObject): void {
  const text = `${JSON.stringify(document_, null, 1)}\n`;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function addThreadCommands(
  commands: CommandRegistry,
  model: PanelModel,
  show: () => void
): void {
  const { trans } = model.page.host;
  const threadOf = (args: ReadonlyPartialJSONObject): IThread | undefined =>
    model.list.get(typeof args.threadId === 'string' ? args.threadId : model.threadId);
  const isEnabled = (args: ReadonlyPartialJSONObject): boolean => threadOf(args) !== undefined;
  commands.addCommand(CommandIDs.rename, {
    describedBy,
    label: args => (args.threadId ? trans.__('Rename…') : trans.__('Agents: Rename Thread…')),
    isEnabled,
    execute: args => {
      show();
      model.open(threadOf(args)?.threadId ?? '');
      model.rename();
    }
  });
  commands.addCommand(CommandIDs.archive, {
    describedBy,
    label: args => {
      const archived = threadOf(args)?.archived;
      if (args.threadId) {
        return archived ? trans.__('Unarchive') : trans.__('Archive');
      }
      return trans.__('Agents: Archive Thread');
    },
    isEnabled,
    execute: args => {
      const thread = threadOf(args);
      if (thread !== undefined) {
        void model.attempt(() => model.list.archive(thread.threadId, !thread.archived));
      }
    }
  });
  commands.addCommand(CommandIDs.saveTest, {
    describedBy,
    label: args => (args.threadId ? trans.__('Save as Test…') : trans.__('Agents: Save as Test…')),
    isEnabled,
    execute: args => {
      const thread = threadOf(args);
      if (thread !== undefined) {
        void model.attempt(async () => {
          download(recordingName(thread), await model.page.api.recording(thread.threadId));
        });
      }
    }
  });
  commands.addCommand(CommandIDs.remove, {
    describedBy,
    label: args => (args.threadId ? trans.__('Delete') : trans.__('Agents: Delete Thread')),
    isEnabled,
    execute: args => {
      const thread = threadOf(args);
      if (thread !== undefined) {
        void model.attempt(() => model.list.remove(thread));
      }
    }
  });
}
