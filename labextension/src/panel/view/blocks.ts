/** What can be done with a code block of an answer: put it into the notebook, or copy it. */
import { ITrans } from '../../core/host';
import { copy } from '../../core/text/copy';
import { IWorkbench } from '../workbench';

/** Give each code block of `element` its buttons, once; only within the panel. */
export function decorate(element: HTMLElement, workbench: IWorkbench, trans: ITrans): void {
  if (element.closest('.lobu-panel') === null) {
    return;
  }
  for (const pre of element.querySelectorAll<HTMLElement>('pre.lobu-code')) {
    if (pre.nextElementSibling?.classList.contains('lobu-code-tools')) {
      continue;
    }
    const code = (pre.textContent ?? '').replace(/\n$/, '');
    const tools = document.createElement('div');
    tools.className = 'lobu-code-tools';
    const said = document.createElement('span');
    said.className = 'lobu-code-said';
    said.setAttribute('role', 'status');
    const add = (words: string, label: string, act: () => string | Promise<string>): void => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'lobu-button lobu-quiet';
      button.textContent = words;
      button.title = label;
      button.setAttribute('aria-label', label);
      button.addEventListener('click', () => {
        void Promise.resolve(act()).then(answer => (said.textContent = answer));
      });
      tools.appendChild(button);
    };
    const put = (place: 'above' | 'below' | 'replace') => () =>
      workbench.insert(code, place) ? trans.__('Done.') : trans.__('Open a notebook first.');
    add(trans.__('Insert above'), trans.__('Insert above the active cell'), put('above'));
    add(trans.__('Insert below'), trans.__('Insert below the active cell'), put('below'));
    add(trans.__('Replace cell'), trans.__('Replace the active cell'), put('replace'));
    add(trans.__('Copy'), trans.__('Copy the code'), () => copy(code, trans));
    tools.appendChild(said);
    pre.after(tools);
  }
}
