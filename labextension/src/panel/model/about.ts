/** Messages about a cell of the notebook in front, from the cell itself. */
import { Thread } from '../../core/thread';
import { IContext } from './completion';
import { contextOf } from './content';
import { PanelModel } from './panel';

/** A message that was sent, and the run that it began. */
export interface IAsked {
  thread: Thread;
  runId: string;
}

/**
 * Ask in a chat of the notebook in front, beside what is being written. Each change of a cell is reviewed, in every mode.
 * Null: it was not sent.
 */
export async function askAbout(
  model: PanelModel,
  text: string,
  about: IContext[]
): Promise<IAsked | null> {
  let asked: IAsked | null = null;
  if (model.sending) {
    return null;
  }
  await model.busy(async () => {
    model.useNotebook = true;
    if (model.about === null) {
      model.begin(true); // what is shown is the chat of another notebook
    }
    const thread = await model.target();
    const context = [...about, ...(await contextOf(text, [], model.workbench))];
    const more = { context, workIn: 'chat', reviewCells: true } as const;
    const started = await model.startOn(thread, text, more);
    asked = started && { thread, runId: started.runId };
  });
  return asked;
}
