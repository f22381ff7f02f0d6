import type Docker from 'dockerode';

const LAST_LINES = 15;

/**
 * Follows the engine's progress stream of a pull, an import or a build to its end.
 *
 * @throws {Error} when the engine reports a failure inside the stream, with the last lines before it
 */
export async function followBuild(engine: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    let failure: string | undefined;
    const onEnd = (error: Error | null): void => {
      if (error === null && failure !== undefined) {
        reject(new Error([failure, ...lines.slice(-LAST_LINES)].join('\n')));
      } else if (error === null) {
        resolve();
      } else {
        reject(new Error([error.message, ...lines.slice(-LAST_LINES)].join('\n'), { cause: error }));
      }
    };
    const onEvent = (event: { readonly stream?: string; readonly error?: string }): void => {
      failure ??= event.error;
      if (event.stream !== undefined && event.stream.trim() !== '') {
        lines.push(event.stream.trimEnd());
      }
    };
    engine.modem.followProgress(stream, onEnd, onEvent);
  });
}

/** Tells whether an engine has an image of that name. */
export async function hasImage(engine: Docker, name: string): Promise<boolean> {
  try {
    await engine.getImage(name).inspect();
    return true;
  } catch {
    return false;
  }
}
