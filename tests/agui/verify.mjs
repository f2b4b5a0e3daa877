// Reads run slices, one JSON array of AG-UI events per line, and runs each through the strict client:
// enforceEvents (its warnings count as errors), then verifyEvents. Prints one JSON line per bad slice;
// exits 1 if any was.
import { createInterface } from 'node:readline';
import { enforceEvents, verifyEvents } from '@ag-ui/client';
import { from, lastValueFrom, toArray } from 'rxjs';

const warnings = [];
console.warn = message => warnings.push(String(message));

const problems = [];
let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const slice = JSON.parse(line);
  count += 1;
  try {
    warnings.length = 0;
    await lastValueFrom(from(slice).pipe(enforceEvents(), verifyEvents(), toArray()));
    if (warnings.length) throw new Error([...new Set(warnings)].join('; '));
    checkResults(slice);
  } catch (error) {
    problems.push({ slice: count, runId: slice[0]?.runId, message: error.message });
  }
}

// A call is answered in its run, unless the run ended by asking about it.
function checkResults(slice) {
  const last = slice.at(-1);
  if (!['RUN_FINISHED', 'RUN_ERROR'].includes(last.type)) {
    throw new Error(`the slice ends with ${last.type}`);
  }
  const interrupts = last.outcome?.interrupts ?? [];
  // A sub-agent's question keeps the calls open that delegated to it, too.
  const delegating = interrupts.flatMap(i => i.metadata?.lobu?.parentToolCallIds ?? []);
  const asked = new Set([...interrupts.map(i => i.toolCallId), ...delegating]);
  const answered = new Set(
    slice.filter(e => e.type === 'TOOL_CALL_RESULT').map(e => e.toolCallId)
  );
  for (const event of slice) {
    if (event.type === 'TOOL_CALL_START' && !answered.has(event.toolCallId) && !asked.has(event.toolCallId)) {
      throw new Error(`call ${event.toolCallId} has no result`);
    }
  }
}

for (const problem of problems) console.log(JSON.stringify(problem));
console.error(`${count} slices, ${problems.length} bad`);
process.exitCode = problems.length ? 1 : 0; // not exit(): a pipe may still hold what was printed
