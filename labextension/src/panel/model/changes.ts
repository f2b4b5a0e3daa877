/** Who wants to hear of changes of one thing. */
export class Changes {
  /** Be called after each change; the answer ends it. */
  watch(listener: () => void): () => void {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  tell(): void {
    for (const listener of [...this._listeners]) {
      listener();
    }
  }

  private readonly _listeners = new Set<() => void>();
}
