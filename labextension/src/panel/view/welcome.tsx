/** An empty thread: what can be asked here. */
import { VNode } from 'preact';
import { PanelModel } from '../model/panel';
import { SetUp } from './models';

export function Welcome(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { trans } = model.page.host;
  const ideas = [
    trans.__('What is in my variables?'),
    trans.__('Plot the largest table'),
    trans.__('Find missing values')
  ];
  return (
    <div class="lobu-scroll lobu-welcome">
      <p class="lobu-welcome-lead">
        {model.about
          ? trans.__(
              'Ask about %1. The agent reads it first, and asks before it runs code.',
              model.about.name
            )
          : trans.__('Ask anything. The agent asks before it changes something.')}
      </p>
      <SetUp model={model} />
      <ul class="lobu-ideas" aria-label={trans.__('Ideas')}>
        {ideas.map(idea => (
          <li key={idea}>
            <button
              type="button"
              class="lobu-button lobu-quiet"
              onClick={() => {
                model.message = idea;
                model.focus();
              }}
            >
              {idea}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
