/** A source of random numbers. Everything in src draws from here, so that a seed replays a run. */
export interface Random {
  /** A number in [0, 1), uniform. */
  next(): number;
  /**
   * A generator of its own for one component, so that one component's draws don't shift another's.
   *
   * @param name - Names the component; equal names of one parent give equal generators where a seed is used.
   */
  fork(name: string): Random;
}
