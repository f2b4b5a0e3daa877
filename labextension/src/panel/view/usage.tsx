/** The footer: tokens of the thread and of its last run, their price where it is known, the context. */
import { VNode } from 'preact';
import { list, object } from '../../core/json';
import { short, usedBy } from '../../core/usage';
import { counts } from '../../core/view/answered';
import { IState, Json } from '../../core/wire';
import { PanelModel } from '../model/panel';
import { contextTokens, windowOf } from '../model/usage';

export function Usage(props: { state: IState; model: PanelModel }): VNode | null {
  const { state, model } = props;
  const { trans } = model.page.host;
  const { inputTokens = 0, outputTokens = 0 } = state.usage;
  const context = contextTokens(state);
  if (context === 0) {
    return null;
  }
  const last = state.runs[state.runs.length - 1];
  const window = windowOf(state);
  const part = Math.min(1, context / window.tokens);
  const title = window.known
    ? trans.__('About %1 of %2 tokens of context used', short(context), short(window.tokens))
    : trans.__('About %1 tokens of context used. The model’s limit is not known.', short(context));
  const whole = usedBy(state.runs);
  const used = inputTokens + outputTokens > 0;
  const ofRun = tokensOf(last?.usage);
  return (
    <div class="lobu-usage">
      {used && (
        <span title={trans.__('Tokens read and written in this chat, and their price')}>
          {counts(whole, trans)}
        </span>
      )}
      {used && ofRun > 0 && <span>{trans.__('last run %1', short(ofRun))}</span>}
      <span class="lobu-grow" />
      <label class="lobu-gauge" title={title}>
        {trans.__('Context')}
        <meter value={part} low={0.6} high={0.75} optimum={0} min={0} max={1}>
          {`${Math.round(part * 100)} %`}
        </meter>
      </label>
    </div>
  );
}

function tokensOf(usage: Json | undefined): number {
  const counts = list(usage).map(object);
  return counts.reduce(
    (sum, one) => sum + Number(one.inputTokens ?? 0) + Number(one.outputTokens ?? 0),
    0
  );
}
