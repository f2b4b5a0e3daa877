/** The first run: three steps, each of which can be skipped, with the agent that needs no key. */
import { VNode } from 'preact';
import { PanelModel } from '../model/panel';

/** The step of the first tour, from 0; null: it is over. Who asked without it needs no first step. */
export function tourStep(model: PanelModel): number | null {
  const step = model.memory.get('tour', 0);
  const asked = (model.thread?.state.items.length ?? 0) > 0;
  return step < 0 ? null : step === 0 && asked ? 1 : step;
}

export function Tour(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { trans } = model.page.host;
  const tour = tourStep(model);
  const go = (to: number | null): void => {
    model.memory.set('tour', to ?? -1);
    model.tell();
  };
  if (tour === null) {
    return null;
  }
  const steps = [
    {
      title: trans.__('Ask'),
      text: trans.__(
        'The built-in demo follows fixed rules (no AI, no API key). Try it on your tables.'
      ),
      act: trans.__('Ask the demo'),
      run: () => {
        model.choose({ agent: 'demo' });
        go(1);
        void model.ask(trans.__('What is in my variables?'));
      }
    },
    {
      title: trans.__('Decide'),
      text: trans.__(
        'An agent asks before it changes anything. Approve, edit or reject on the card, now or in a week: the question survives a reload, a kernel restart and a server restart.'
      ),
      act: trans.__('Show approvals'),
      run: () => {
        go(2);
        model.show('inbox');
      }
    },
    {
      title: trans.__('Find past chats'),
      text: trans.__(
        'Every chat is saved with its notebook. Search all of them by anything that was said.'
      ),
      act: trans.__('Show threads'),
      run: () => {
        go(null);
        model.show('threads');
      }
    }
  ];
  const step = steps[tour];
  return (
    <section class="lobu-tour" aria-label={trans.__('First steps')}>
      <p class="lobu-tour-title">
        <strong>{step.title}</strong> <span>{trans.__('%1 of %2', tour + 1, steps.length)}</span>
      </p>
      <p>{step.text}</p>
      <div class="lobu-buttons">
        <button type="button" class="lobu-button lobu-primary" onClick={step.run}>
          {step.act}
        </button>
        <button
          type="button"
          class="lobu-button"
          onClick={() => go(tour + 1 < steps.length ? tour + 1 : null)}
        >
          {trans.__('Skip')}
        </button>
        <button type="button" class="lobu-button lobu-quiet" onClick={() => go(null)}>
          {trans.__('Skip tour')}
        </button>
      </div>
    </section>
  );
}
