/** What commands need of the panel, and give to it. */

/** `/name`: `run` is given what stands behind it. */
export interface ISlashCommand {
  name: string;
  detail: string;
  run: (rest: string) => void;
}

/** The card that is to be decided next, as the panel shows it. */
export interface ICard {
  /** Approve it if all of it has been in sight; else show what has not been. */
  approveFromAfar(): void;
  /** Open the form that rejects it, with a reason. */
  reject(): void;
}
