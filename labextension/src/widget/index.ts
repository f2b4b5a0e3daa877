/**
 * The chat widget: an anywidget module around the same views.
 *
 * A page whose server has the thread talks to it itself. Any other page (VS Code, Colab, Voila, another server's)
 * goes through the widget's comm, whose Python end stands in for the server.
 */
import { fetchCarrier, pageOf, serverOfPage } from '../core/browser';
import type { Page } from '../core/page';
import { mount } from '../core/view/root';
import { commPage, ICommModel } from './comm';

interface IRenderProps {
  model: ICommModel;
  el: HTMLElement;
}

/** A server that is away may have the thread: only one that answers, and does not know it, sends us through the comm. */
async function pageFor(model: ICommModel, threadId: string): Promise<Page> {
  const server = serverOfPage();
  if (server === null) {
    return commPage(model);
  }
  const reply = await fetchCarrier(server)('GET', `threads/${threadId}`).catch(() => null);
  const code = (reply?.body as { error?: { code?: string } } | null)?.error?.code;
  const status = reply?.status ?? 500;
  const elsewhere =
    status >= 400 && status < 500 && (code ?? 'thread_not_found') === 'thread_not_found';
  return elsewhere ? commPage(model) : pageOf(server);
}

/** Draw the widget; the answer takes it away. */
function render({ model, el }: IRenderProps): () => void {
  el.classList.add('lobu-widget');
  let unmount = (): void => undefined;
  let drawn = 0;
  const draw = async (): Promise<void> => {
    const turn = ++drawn;
    const threadId = model.get('thread_id');
    if (typeof threadId === 'string' && threadId) {
      const page = await pageFor(model, threadId);
      if (turn === drawn) {
        unmount = mount(el, { page, threadId, runId: null, composer: 'always' });
      }
    }
  };
  const redraw = (): void => void draw();
  redraw();
  model.on('change:thread_id', redraw);
  return () => {
    model.off('change:thread_id', redraw);
    drawn = -1;
    unmount();
  };
}

export default { render };
