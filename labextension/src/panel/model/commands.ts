/** What commands need of the panel, and give to it. */

/** `/name`: `run` is given what stands behind it. */
export interface ISlashCommand {
  name: string;
  detail: string;
  run: (rest: string) => void;
}

/** Agents without commands of their own; '' is the server's default. */
const BUILT_IN = ['', 'assistant', 'demo', 'script'];

/** The command that a text is; null: it is a message, perhaps with a command of the agent's own. */
export function commandIn(
  text: string,
  commands: ISlashCommand[],
  agent: string
): { name: string; rest: string; known?: ISlashCommand } | null {
  const found = /^\/([\w-]+)(?:\s+(.*))?$/s.exec(text);
  const [name, rest] = [found?.[1] ?? '', found?.[2] ?? ''];
  const known = commands.find(one => one.name === name);
  const ours = known !== undefined || BUILT_IN.includes(agent);
  return found !== null && ours ? { name, rest, known } : null;
}

/** The card that is to be decided next, as the panel shows it. */
export interface ICard {
  /** Approve it if all of it has been in sight; else show what has not been. */
  approveFromAfar(): void;
  /** Show what has not been in sight. */
  reveal(): void;
  /** Open the form that rejects it, with a reason. */
  reject(): void;
}
