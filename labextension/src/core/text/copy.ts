/** The clipboard. */
import { ITrans } from '../host';

/** Put a text on the clipboard; the answer says whether that went. */
export async function copy(text: string, trans: ITrans): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return trans.__('Copied.');
  } catch {
    return trans.__('Your browser blocked it.'); // over plain http, or refused by the person
  }
}
