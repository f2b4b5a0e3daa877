/** What goes with a message: pictures, as AG-UI has them, and the person's choices. */
import { JsonObject } from '../../core/wire';
import { IAttached } from '../workbench';
import { ISettings } from './models';

/** Who answers, with which model and how freely; '' is the server's default. */
export interface IChoice {
  agent: string;
  model: string;
  mode: string;
  settings?: ISettings;
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
