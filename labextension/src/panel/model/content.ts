/** What goes with a message: pictures, as AG-UI has them, and the person's choices. */
import { IStart } from '../../core/api';
import { JsonObject } from '../../core/wire';
import { IAttached, INotebook, IWorkbench } from '../workbench';
import { IContext, mentions } from './completion';
import { ISettings } from './models';

/** Who answers, with which model and how freely; '' is the server's default. */
export interface IChoice {
  agent: string;
  model: string;
  mode: string;
  /** Where the code that it runs is shown. */
  workIn?: '' | WorkIn;
  settings?: ISettings;
}

/** In the chat, or in cells of the notebook. */
export type WorkIn = 'chat' | 'cells';

/** The choices as a run takes them. */
export function chosen({ agent, model, mode, settings = {} }: IChoice): Partial<IStart> {
  return {
    ...(agent ? { agent } : {}),
    ...(model ? { model } : {}),
    ...(mode ? { mode } : {}),
    ...(Object.keys(settings).length > 0 ? { modelSettings: { ...settings } } : {})
  };
}

/** A choice with changes: another agent has no model yet, and another model takes other settings. */
export function withChoice(choice: IChoice, change: Partial<IChoice>): IChoice {
  const other = change.agent === undefined ? {} : { model: '' };
  const anew = change.agent === undefined && change.model === undefined ? {} : { settings: {} };
  return { ...choice, ...other, ...anew, ...change };
}

/** Where a run shows its code, as it takes it: below the active cell. */
export function workedIn(place: WorkIn, notebook: INotebook | null): Partial<IStart> {
  const below = notebook?.cellId ? { belowCell: notebook.cellId } : {};
  return place === 'cells' ? { workIn: place, ...below } : {};
}

/** What the mentions of a text mean, and what was attached. */
export async function contextOf(
  text: string,
  attached: IAttached[],
  workbench: IWorkbench
): Promise<IContext[]> {
  const meant = await Promise.all(mentions(text).map(one => workbench.resolve(one)));
  return [
    ...meant.filter(one => one !== null),
    ...attached.flatMap(one => (one.context ? [one.context] : []))
  ];
}

/** The message, if it has more than text. */
export function withPictures(
  text: string,
  attached: IAttached[]
): { messages?: { role: 'user'; content: JsonObject[] }[] } {
  const images = attached.flatMap(one => (one.image ? [imagePart(one.image)] : []));
  return images.length === 0
    ? {}
    : { messages: [{ role: 'user', content: [{ type: 'text', text }, ...images] }] };
}

/** A picture of a data URL. */
function imagePart(url: string): JsonObject {
  const [head, data] = url.split(',', 2);
  const mimeType = /^data:([^;]+)/.exec(head)?.[1] ?? 'image/png';
  return { type: 'image', source: { type: 'data', value: data, mimeType } };
}
