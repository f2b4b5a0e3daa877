/** A call in words: "Run this code?", "Looked at variables", "Ran cell [2]". */
import { IHost, ITrans } from '../host';
import { visibleLine } from '../text/visible';
import { IInterrupt, IToolItem, JsonObject } from '../wire';

/** How far a call is: it asks, it runs, it has run, or it did not run. */
export type Tense = 'asks' | 'runs' | 'ran' | 'not';

type Words = { [tense in Tense]: string };

/**
 * The sentence of a call. Only our own tools have one that leaves their name out, and it is made of the tool's
 * name and arguments, never of what a question says of itself.
 */
export function sentence(tool: string, args: JsonObject, tense: Tense, host: IHost): string {
  const known = KNOWN.get(tool);
  const words = known === undefined ? call(visibleLine(tool), host.trans) : known(args, host);
  return words[tense];
}

/** The question of a call that has no card of its own in what is shown. */
export function asked(interrupt: IInterrupt, host: IHost): string {
  const { toolName = '', args = {} } = interrupt.metadata?.lobu ?? {};
  return toolName ? sentence(toolName, args, 'asks', host) : host.trans.__('Needs approval');
}

/** How far it is. */
export function tenseOf(item: IToolItem, asks: boolean, live: boolean): Tense {
  if (asks) {
    return 'asks';
  }
  if (item.decision?.decision.kind === 'reject') {
    return 'not';
  }
  return item.status === 'done' ? 'ran' : live && item.status !== 'waiting' ? 'runs' : 'not';
}

type Making = (args: JsonObject, host: IHost) => Words;

const KNOWN = new Map<string, Making>([
  [
    'run_code',
    (_, { trans }) => ({
      asks: trans.__('Run this code?'),
      runs: trans.__('Running code'),
      ran: trans.__('Ran code'),
      not: trans.__('Run code')
    })
  ],
  [
    'list_variables',
    (_, { trans }) => ({
      asks: trans.__('Look at variables?'),
      runs: trans.__('Looking at variables'),
      ran: trans.__('Looked at variables'),
      not: trans.__('Look at variables')
    })
  ],
  [
    'describe_variable',
    (args, { trans }) => looking(named(args.name) || trans.__('a variable'), trans)
  ],
  ['list_files', (args, { trans }) => listing(named(args.path) || trans.__('files'), trans)],
  ['read_file', (args, { trans }) => reading(named(args.path) || trans.__('a file'), trans)],
  ['read_notebook', (_, { trans }) => reading(trans.__('the notebook'), trans)],
  [
    'write_file',
    (args, { trans }) => {
      const path = named(args.path) || trans.__('a file');
      return {
        asks: trans.__('Write %1?', path),
        runs: trans.__('Writing %1', path),
        ran: trans.__('Wrote %1', path),
        not: trans.__('Write %1', path)
      };
    }
  ],
  ['edit_file', (args, { trans }) => editing(named(args.path) || trans.__('a file'), trans)],
  [
    'insert_cell',
    (_, { trans }) => ({
      asks: trans.__('Insert a cell?'),
      runs: trans.__('Inserting a cell'),
      ran: trans.__('Inserted a cell'),
      not: trans.__('Insert a cell')
    })
  ],
  ['edit_cell', (args, host) => editing(cell(args, host), host.trans)],
  [
    'delete_cell',
    (args, host) => {
      const [it, { trans }] = [cell(args, host), host];
      return {
        asks: trans.__('Delete %1?', it),
        runs: trans.__('Deleting %1', it),
        ran: trans.__('Deleted a cell'),
        not: trans.__('Delete %1', it)
      };
    }
  ],
  [
    'move_cell',
    (args, host) => {
      const [it, { trans }] = [cell(args, host), host];
      return {
        asks: trans.__('Move %1?', it),
        runs: trans.__('Moving %1', it),
        ran: trans.__('Moved %1', it),
        not: trans.__('Move %1', it)
      };
    }
  ],
  [
    'run_cell',
    (args, host) => {
      const [it, { trans }] = [cell(args, host), host];
      return {
        asks: trans.__('Run %1?', it),
        runs: trans.__('Running %1', it),
        ran: trans.__('Ran %1', it),
        not: trans.__('Run %1', it)
      };
    }
  ],
  [
    'plan',
    (_, { trans }) => ({
      asks: trans.__('Plan first: approve this plan?'),
      runs: trans.__('Planning'),
      ran: trans.__('Updated the plan'),
      not: trans.__('Plan')
    })
  ],
  [
    'ask_user',
    (_, { trans }) => ({
      asks: trans.__('Question'),
      runs: trans.__('Asking you'),
      ran: trans.__('Asked you'),
      not: trans.__('Question')
    })
  ]
]);

/** Any other tool, by its name. */
function call(tool: string, trans: ITrans): Words {
  return {
    asks: trans.__('Call %1?', tool),
    runs: trans.__('Calling %1', tool),
    ran: trans.__('Called %1', tool),
    not: trans.__('Call %1', tool)
  };
}

function looking(it: string, trans: ITrans): Words {
  return {
    asks: trans.__('Look at %1?', it),
    runs: trans.__('Looking at %1', it),
    ran: trans.__('Looked at %1', it),
    not: trans.__('Look at %1', it)
  };
}

function listing(it: string, trans: ITrans): Words {
  return {
    asks: trans.__('List %1?', it),
    runs: trans.__('Listing %1', it),
    ran: trans.__('Listed %1', it),
    not: trans.__('List %1', it)
  };
}

function reading(it: string, trans: ITrans): Words {
  return {
    asks: trans.__('Read %1?', it),
    runs: trans.__('Reading %1', it),
    ran: trans.__('Read %1', it),
    not: trans.__('Read %1', it)
  };
}

function editing(it: string, trans: ITrans): Words {
  return {
    asks: trans.__('Edit %1?', it),
    runs: trans.__('Editing %1', it),
    ran: trans.__('Edited %1', it),
    not: trans.__('Edit %1', it)
  };
}

function named(value: unknown): string {
  return typeof value === 'string' ? visibleLine(value) : '';
}

/** `cell [2]` where the page has the notebook open, else `a cell`. */
function cell(args: JsonObject, host: IHost): string {
  return (typeof args.cell === 'string' && host.cellName?.(args.cell)) || host.trans.__('a cell');
}
