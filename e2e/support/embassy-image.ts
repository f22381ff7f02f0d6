import path from 'node:path';
import Docker from 'dockerode';
import { ensureBaseImage } from './base-image.ts';
import { CHECKOUT } from './checkout.ts';
import { runCommand } from './command.ts';
import { environment } from './environment.ts';
import { saveImage } from './images.ts';
import { printProgress } from './progress.ts';
import { until } from './until.ts';
import type { StartedDockerHost } from './started-docker-host.ts';

/** The name of the image of embassy in inner engines: the one of its seed. */
export const EMBASSY_IMAGE = 'gambol99/embassy';

const UPSTREAM_BASE = 'debian:bookworm-slim';
const BUILD_TIMEOUT_MS = 240_000;
const BUILD_SCRIPT = path.join(CHECKOUT, 'stage/image/build.ts');

let archive: Promise<string> | undefined;

/**
 * Gives a Docker host the image of embassy, built as a user builds it, on the base of the other images.
 *
 * @throws {Error} when it cannot be built; the message ends with the build's last lines
 */
export async function loadEmbassyImage(host: StartedDockerHost): Promise<void> {
  archive ??= buildArchive();
  await host.loadImage(await archive);
}

async function buildArchive(): Promise<string> {
  const engine = new Docker();
  const { runDirectory } = environment();
  const base = await ensureBaseImage(engine, UPSTREAM_BASE, {
    mayInstall: false,
    scratchDirectory: runDirectory,
    progress: printProgress,
  });
  printProgress(`building ${EMBASSY_IMAGE} on ${base}`);
  // The build reaches the package mirror as the machine does; its engine may have no way out of its own.
  const options = ['--tag', EMBASSY_IMAGE, '--base', base, '--network', 'host'];
  await runCommand([process.execPath, BUILD_SCRIPT, ...options], { timeoutMs: BUILD_TIMEOUT_MS });
  const { Size } = await engine.getImage(EMBASSY_IMAGE).inspect();
  printProgress(`the image has ${Math.round(Size / 1e6)} MB`);
  const file = path.join(runDirectory, 'embassy.tar');
  await saveImage(engine, EMBASSY_IMAGE, file);
  return file;
}

/** embassy in a container of a Docker host. */
export class EmbassyContainer implements AsyncDisposable {
  readonly #host: StartedDockerHost;
  readonly #id: string;

  private constructor(host: StartedDockerHost, id: string) {
    this.#host = host;
    this.#id = id;
  }

  /** Runs it; the arguments are those of `docker run -d`, the image's name and its own among them. */
  static async run(host: StartedDockerHost, args: readonly string[]): Promise<EmbassyContainer> {
    const id = await host.output(['docker', 'run', '-d', ...args]);
    return new EmbassyContainer(host, id.trim());
  }

  /** All it has said. */
  async log(): Promise<string> {
    const { output } = await this.#host.exec(['docker', 'logs', this.#id]);
    return output;
  }

  /** The first line of its log that matches; an error when none does in time, with the log. */
  async waitForLog(pattern: RegExp, timeoutMs: number): Promise<string> {
    const find = async (): Promise<string | undefined> =>
      (await this.log()).split('\n').find((line) => pattern.test(line));
    return until(`embassy to say ${String(pattern)}`, find, { timeoutMs, explain: async () => this.log() });
  }

  /** Its address on the default bridge. */
  async address(): Promise<string> {
    const format = '{{.NetworkSettings.Networks.bridge.IPAddress}}';
    return (await this.#host.output(['docker', 'inspect', '--format', format, this.#id])).trim();
  }

  /** Stops it as `docker stop` does and gives its exit status. */
  async stop(): Promise<number> {
    await this.#host.output(['docker', 'stop', this.#id]);
    const status = await this.#host.output(['docker', 'wait', this.#id]);
    return Number(status.trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.exec(['docker', 'rm', '-f', this.#id]);
  }
}
