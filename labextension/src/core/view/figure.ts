/** A figure as large as the page: copied, saved, closed with Escape; then the focus is where it was. */
import { ITrans } from '../host';

export function openFigure(src: string, alt: string, trans: ITrans): void {
  const before = document.activeElement;
  const dialog = document.createElement('dialog');
  dialog.className = 'lobu lobu-lightbox';
  dialog.setAttribute('aria-label', alt);
  const image = document.createElement('img');
  image.src = src;
  image.alt = alt;
  const said = document.createElement('span');
  said.setAttribute('role', 'status');
  const tools = document.createElement('div');
  tools.className = 'lobu-buttons';
  const button = (words: string, act: () => void): void => {
    const made = document.createElement('button');
    made.type = 'button';
    made.className = 'lobu-button';
    made.textContent = words;
    made.addEventListener('click', act);
    tools.appendChild(made);
  };
  button(trans.__('Copy image'), () => {
    void copyImage(image).then(
      () => (said.textContent = trans.__('Copied.')),
      () => (said.textContent = trans.__('The browser does not allow it.')) // over plain http, or refused
    );
  });
  button(trans.__('Save image'), () => save(src));
  button(trans.__('Close'), () => dialog.close());
  tools.appendChild(said);
  dialog.append(tools, image);
  dialog.addEventListener('click', event => {
    if (event.target === dialog) {
      dialog.close(); // beside the figure
    }
  });
  dialog.addEventListener('keydown', event => event.stopPropagation()); // no shortcut of the page behind
  dialog.addEventListener('close', () => {
    dialog.remove();
    if (before instanceof HTMLElement) {
      before.focus();
    }
  });
  document.body.appendChild(dialog);
  dialog.showModal();
}

/** As PNG, which is what clipboards take. */
async function copyImage(image: HTMLImageElement): Promise<void> {
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.getContext('2d')?.drawImage(image, 0, 0);
  const blob = new Promise<Blob>((done, failed) => {
    canvas.toBlob(made => (made ? done(made) : failed(new Error('no image'))), 'image/png');
  });
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
}

function save(src: string): void {
  const type = /^data:image\/(\w+)/.exec(src)?.[1] ?? 'png';
  const link = document.createElement('a');
  link.href = src;
  link.download = `figure.${type === 'jpeg' ? 'jpg' : type}`;
  link.click();
}
