/** The names of keys, as a person's keyboard has them. */
import { ITrans } from '../host';

/** `Ctrl+Enter`, on a Mac `⌘Enter`. */
export function chord(key: 'Enter' | 'Backspace', trans: ITrans): string {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  if (key === 'Enter') {
    return mac ? trans.__('⌘Enter') : trans.__('Ctrl+Enter');
  }
  return mac ? trans.__('⌘Backspace') : trans.__('Ctrl+Backspace');
}
