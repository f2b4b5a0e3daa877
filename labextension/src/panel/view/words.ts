/** Words that several views say. */
import { ITrans } from '../../core/host';
import { visibleLine } from '../../core/text/visible';
import { IThread } from '../../core/wire';

export function titleOf(thread: { title?: string } | undefined, trans: ITrans): string {
  return visibleLine(thread?.title ?? '') || trans.__('Untitled thread');
}

/** The file's name without its folder. */
export function nameOf(path: string): string {
  return visibleLine(path.slice(path.lastIndexOf('/') + 1));
}

/** `just now`, `12 min ago`, `3 h ago`, else the day. */
export function ago(iso: string | undefined, now: number, trans: ITrans): string {
  if (!iso) {
    return '';
  }
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000);
  if (minutes < 1) {
    return trans.__('just now');
  }
  if (minutes < 60) {
    return trans.__('%1 min ago', minutes);
  }
  if (minutes < 24 * 60) {
    return trans.__('%1 h ago', Math.floor(minutes / 60));
  }
  return new Date(iso).toLocaleDateString();
}

/** How a thread stands, for who cannot see its mark. */
export function standing(thread: IThread, unread: boolean, trans: ITrans): string {
  if (thread.status === 'waiting') {
    return trans.__('needs approval');
  }
  if (thread.status === 'running') {
    return trans.__('working');
  }
  return unread ? trans.__('unread') : '';
}
