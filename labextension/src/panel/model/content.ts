/** What goes with a message: pictures, as AG-UI has them, and the person's choices. */
import { IStart } from '../../core/api';
import { JsonObject } from '../../core/wire';
import { IAttached, IWorkbench } from '../workbench';
import { IContext, mentions } from './completion';
import { ISettings } from './models';

/** Who answers, with which model and how freely; '' is the server's default. */
export interface IChoice {
  agent: string;
  model: string;
  mode: string;
  settings?: ISettings;
}

/** The choices as a run takes them. */
export function chosen({ agent, model, mode, settings = {} }: IChoice): Partial<IStart> {
  return {
    ...(agent ? { agent } : {}),
    ...(model ? { model } : {}),
    ...(mode ? { mode } : {}),
    ...(Object.keys(settings).length > 0 ? { modelSettings: { ...settings } } : {})
  };
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
