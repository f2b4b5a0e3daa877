/**
 * The chat widget: an anywidget module around the same views.
 *
 * A page that a Jupyter server served talks to the gateway itself; any other page (VS Code, Colab)
 * goes through the widget's comm, whose Python end stands in for the server.
 */
import { pageOf, serverOfPage } from '../core/browser';
import type { Page } from '../core/page';
import { mount } from '../core/view/root';
import { commPage, ICommModel } from './comm';

interface IRenderProps {
  model: ICommModel;
  el: HTMLElement;
}

function pageFor(model: ICommModel): Page {
  const server = serverOfPage();
  return server === null ? commPage(model) : pageOf(server);
}

/** Draw the widget; the answer takes it away. */
function render({ model, el }: IRenderProps): () => void {
  el.classList.add('lobu-widget');
  const page = pageFor(model);
  let unmount = (): void => undefined;
  const draw = (): void => {
    const threadId = model.get('thread_id');
    if (typeof threadId === 'string' && threadId) {
      unmount = mount(el, { page, threadId, runId: null, composer: 'always' });
    }
  };
  draw();
  model.on('change:thread_id', draw);
  return () => {
    model.off('change:thread_id', draw);
    unmount();
  };
}

export default { render };
