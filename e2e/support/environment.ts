import type { Images } from './images.ts';

/** What preparation gives to the suites. */
export interface Environment {
  readonly images: Images;
  /** The client image as an archive, for inner engines to load. */
  readonly clientArchive: string;
  /** A folder of this run; each container shares a folder under it with us. */
  readonly runDirectory: string;
}

let prepared: Environment | undefined;

/** Publishes what was prepared; called once, by the root hook. */
export function setEnvironment(environment: Environment): void {
  prepared = environment;
}

/**
 * Gives what the root hook prepared.
 *
 * @throws {Error} when no hook ran: the suites only work under e2e/mocharc.json
 */
export function environment(): Environment {
  if (prepared === undefined) {
    throw new Error('the e2e environment is not prepared: run the suites with --config e2e/mocharc.json');
  }
  return prepared;
}
