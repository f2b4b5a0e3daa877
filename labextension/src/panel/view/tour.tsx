/** The first run: three steps, each of which can be skipped, with the agent that needs no key. */
import { VNode } from 'preact';
import { PanelModel } from '../model/panel';

export function Tour(props: { model: PanelModel }): VNode | null {
  const { model } = props;
  const { trans } = model.page.host;
  const { tour } = model;
  if (tour === null) {
    return null;
  }
  const steps = [
    {
      title: trans.__('Ask'),
      text: trans.__(
        'The demo agent is rules, not a language model, and needs no key. It looks at your variables, and at tables best.'
      ),
      act: trans.__('Ask the demo agent'),
      run: () => {
        model.choose({ agent: 'demo' });
        model.tourTo(1);
        void model.ask(trans.__('What is in my variables?'));
      }
    },
    {
      title: trans.__('Decide'),
      text: trans.__(
        'Before an agent changes anything it asks. Approve, edit or reject on the card, now or in a week: a question outlives the page, the kernel and the server.'
      ),
      act: trans.__('Show what waits'),
      run: () => {
        model.tourTo(2);
        model.show('inbox');
      }
    },
    {
      title: trans.__('Find again'),
      text: trans.__(
        'Every conversation is a thread, kept with its notebook. Search them by anything that was said.'
      ),
      act: trans.__('Show my threads'),
      run: () => {
        model.tourTo(null);
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
          onClick={() => model.tourTo(tour + 1 < steps.length ? tour + 1 : null)}
        >
          {trans.__('Skip')}
        </button>
        <button type="button" class="lobu-button lobu-quiet" onClick={() => model.tourTo(null)}>
          {trans.__('No tour')}
        </button>
      </div>
    </section>
  );
}
