/** An empty thread: what can be asked here. */
import { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { PanelModel } from '../model/panel';
import { SetUp } from './models';

export function Welcome(props: { model: PanelModel }): VNode {
  const { model } = props;
  const { trans } = model.page.host;
  const [ideas, setIdeas] = useState<string[]>([]);
  useEffect(() => {
    let wanted = true;
    void model.workbench.ideas().then(found => wanted && setIdeas(found));
    return () => {
      wanted = false;
    };
  }, [model.notebook?.path, model.notebook?.kernelId, model.focusWanted]);
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
      {ideas.length > 0 && (
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
      )}
    </div>
  );
}
