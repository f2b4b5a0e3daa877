/** The footer's gauge of the fullest limit, and behind it all limits, with the person's own to set. */
import { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { CallError } from '../../core/api';
import { IState } from '../../core/wire';
import {
  amount,
  gaugesOf,
  IBudget,
  IGauge,
  Measure,
  MEASURES,
  momentOf,
  part,
  read,
  Scope,
  scopeName,
  SCOPES,
  sentenceOf,
  written
} from '../model/budget';
import { PanelModel } from '../model/panel';

export function Budget(props: {
  threadId: string;
  state: IState;
  model: PanelModel;
}): VNode | null {
  const { threadId, state, model } = props;
  const { page } = model;
  const { trans } = page.host;
  const [budget, setBudget] = useState<IBudget | null>(null);
  const moment = momentOf(state);
  useEffect(() => {
    let current = true;
    page.api
      .get<IBudget>(`budget?threadId=${encodeURIComponent(threadId)}`)
      .then(found => current && setBudget(found))
      .catch((error: unknown) => {
        if (!(error instanceof CallError)) {
          throw error;
        } // the status line says that the server is away
      });
    return () => {
      current = false;
    };
  }, [page, threadId, moment]);
  if (budget === null) {
    return null;
  }
  const gauges = gaugesOf(budget);
  const title = gauges.map(gauge => sentenceOf(gauge, trans)).join('\n');
  return (
    <details class="lobu-budget">
      <summary title={title || trans.__('Set limits for tokens, cost and time')}>
        {gauges.length > 0 ? (
          <label class="lobu-gauge">
            {trans.__('Budget')}
            <meter value={part(gauges[0])} low={0.6} high={0.8} optimum={0} min={0} max={1}>
              {sentenceOf(gauges[0], trans)}
            </meter>
          </label>
        ) : (
          trans.__('Limits…')
        )}
      </summary>
      <Limits budget={budget} gauges={gauges} model={model} onSaved={setBudget} />
    </details>
  );
}

function Limits(props: {
  budget: IBudget;
  gauges: IGauge[];
  model: PanelModel;
  onSaved: (budget: IBudget) => void;
}): VNode {
  const { budget, gauges, model } = props;
  const { trans } = model.page.host;
  const [texts, setTexts] = useState(written(budget));
  const [said, setSaid] = useState('');
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const own = read(texts);
    if (typeof own === 'string') {
      setSaid(trans.__('%1 must be a number', own));
      return;
    }
    try {
      const saved = await model.page.api.send<IBudget>('PUT', 'budget', own);
      props.onSaved({ ...budget, limits: saved.limits });
      setSaid(trans.__('Saved. Applies from the next run.'));
    } catch (error) {
      if (!(error instanceof CallError)) {
        throw error;
      }
      setSaid(error.message);
    }
  };
  return (
    <form class="lobu-limits" onSubmit={event => void save(event)}>
      <ul>
        {gauges.map(gauge => (
          <li key={`${gauge.scope}.${gauge.measure}`}>
            {sentenceOf(gauge, trans)}
            <span class="lobu-hint">
              {gauge.own ? trans.__('asks at the limit') : trans.__('stops at the limit')}
            </span>
          </li>
        ))}
      </ul>
      <table>
        <caption>{trans.__('Your limits (empty: none)')}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{trans.__('Tokens')}</th>
            <th scope="col">{trans.__('US$')}</th>
            <th scope="col">{trans.__('Seconds')}</th>
          </tr>
        </thead>
        <tbody>
          {SCOPES.map(scope => (
            <tr key={scope}>
              <th scope="row">{scopeName(scope, trans)}</th>
              {MEASURES.map(measure => (
                <td key={measure}>
                  <input
                    type="text"
                    inputMode="decimal"
                    aria-label={`${scopeName(scope, trans)}, ${measure}`}
                    placeholder={mostOf(budget, scope, measure, model)}
                    value={texts[`${scope}.${measure}`]}
                    onInput={event =>
                      setTexts({ ...texts, [`${scope}.${measure}`]: event.currentTarget.value })
                    }
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <button type="submit" class="lobu-button">
        {trans.__('Save limits')}
      </button>
      <span role="status">{said}</span>
    </form>
  );
}

/** The server's limit, as the most that may be written. */
function mostOf(budget: IBudget, scope: Scope, measure: Measure, model: PanelModel): string {
  const most = budget.limits.server[scope]?.[measure];
  const { trans } = model.page.host;
  return typeof most === 'number' ? trans.__('max %1', amount(measure, most, trans)) : '';
}
