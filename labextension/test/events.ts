/** The events that tests are made of. */
import { empty, fold } from '../src/core/fold';
import { IState, JsonObject } from '../src/core/wire';
import { journal } from './fakes';

export function started(runId: string, prompt?: string, parentRunId?: string): object {
  const messages = prompt ? [{ id: `m_${runId}`, role: 'user', content: prompt }] : [];
  return {
    type: 'RUN_STARTED',
    runId,
    ...(parentRunId ? { parentRunId } : {}),
    input: { messages }
  };
}

export function finished(): object {
  return { type: 'RUN_FINISHED', outcome: { type: 'success' } };
}

export function said(messageId: string, ...deltas: string[]): object[] {
  return [
    { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' },
    ...deltas.map(delta => ({ type: 'TEXT_MESSAGE_CONTENT', messageId, delta })),
    { type: 'TEXT_MESSAGE_END', messageId }
  ];
}

export function called(toolCallId: string, toolCallName: string, args: JsonObject): object[] {
  return [
    { type: 'TOOL_CALL_START', toolCallId, toolCallName },
    { type: 'TOOL_CALL_ARGS', toolCallId, delta: JSON.stringify(args) },
    { type: 'TOOL_CALL_END', toolCallId }
  ];
}

export interface IAsk {
  id: string;
  toolCallId?: string;
  lobu?: JsonObject;
  reason?: string;
  message?: string;
}

export function asking(...asks: IAsk[]): object {
  const interrupts = asks.map(({ id, toolCallId, lobu, reason, message }) => ({
    id,
    reason: reason ?? 'tool_call',
    ...(message ? { message } : {}),
    ...(toolCallId ? { toolCallId } : {}),
    metadata: { lobu: lobu ?? {} }
  }));
  return { type: 'RUN_FINISHED', outcome: { type: 'interrupt', interrupts } };
}

export function custom(name: string, value: JsonObject): object {
  return { type: 'CUSTOM', name, value };
}

export function decided(interruptId: string, toolCallId: string, kind: string, by = 'ada'): object {
  return custom('lobu.decision', {
    toolCallId,
    decision: { interruptId, kind },
    by,
    at: '2027-01-15T08:00:00.000Z'
  });
}

/** The state after these events. */
export function stateOf(...events: object[]): IState {
  return fold(journal(1, ...events), empty());
}

const CODE_SCHEMA = {
  type: 'object',
  properties: { code: { type: 'string', minLength: 1 }, timeout: { type: 'integer' } },
  required: ['code'],
  additionalProperties: false
};

/** A run that waits for one or more calls of run_code to be decided. */
export function waitingFor(...codes: string[]): object[] {
  return [
    started('r1', 'clean the data'),
    ...codes.flatMap((code, i) => called(`c${i + 1}`, 'run_code', { code })),
    asking(
      ...codes.map((code, i) => ({
        id: `i${i + 1}`,
        toolCallId: `c${i + 1}`,
        lobu: { toolName: 'run_code', args: { code }, argsSchema: CODE_SCHEMA }
      }))
    )
  ];
}
