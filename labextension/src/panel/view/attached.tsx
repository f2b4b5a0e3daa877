/** What goes with the message: files and pictures that were dropped or pasted. */
import { VNode } from 'preact';
import { PanelModel } from '../model/panel';
import { IconButton } from './icons';

export function Attached(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { trans } = model.page.host;
  const mentioned = model.mentioned.in(model.message);
  if (model.attached.length + mentioned.length === 0) {
    return null;
  }
  return (
    <ul class="lobu-attached" aria-label={trans.__('Sent with the message')}>
      {model.attached.map((one, i) => (
        <li key={i} class="lobu-chip">
          {one.image && <img class="lobu-thumb" src={one.image} alt="" />}
          <span class="lobu-chip-text">{one.name}</span>
          <IconButton
            icon="close"
            label={trans.__('Remove %1', one.name)}
            onClick={() => model.detach(one)}
          />
        </li>
      ))}
      {mentioned.map(name => (
        <li key={`@${name}`} class="lobu-chip lobu-mentioned">
          <span class="lobu-chip-text">{name.replace(/^(?:variable|file):/, '')}</span>
          <IconButton
            icon="close"
            label={trans.__('Remove %1', `@${name}`)}
            onClick={() => model.unmention(name)}
          />
        </li>
      ))}
    </ul>
  );
}

/** Files that were dropped or pasted; a text that is pasted stays a text. */
export function take(event: Event, data: DataTransfer | null, model: PanelModel): void {
  if (data !== null && data.files.length > 0) {
    event.preventDefault();
    void model.attempt(async () => model.attach(await model.workbench.dropped(data)));
  }
}
