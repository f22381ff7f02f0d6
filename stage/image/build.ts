import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { layOutImage } from './layout.ts';

const HELP = `Builds the image of embassy.

  npm run image                           embassy:latest, on debian:bookworm-slim
  npm run image -- --tag me/embassy:1     another name
  npm run image -- --base IMAGE           another Debian as base, e.g. a local one
  npm run image -- --network host         the network of the build's apt-get

Needs the docker command and an engine (DOCKER_HOST is respected).
`;

process.exitCode = await main();

async function main(): Promise<number> {
  let options;
  try {
    options = parseArgs({
      options: {
        tag: { type: 'string', default: 'embassy:latest' },
        base: { type: 'string' },
        network: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`image: ${inWords(error)}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const context = await mkdtemp(path.join(os.tmpdir(), 'embassy-image-'));
  try {
    await layOutImage(context);
    const base = options.base === undefined ? [] : ['--build-arg', `BASE=${options.base}`];
    const network = options.network === undefined ? [] : ['--network', options.network];
    return await docker(['build', '--tag', options.tag, ...base, ...network, context]);
  } catch (error) {
    process.stderr.write(`image: ${inWords(error)}\n`);
    return 1;
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Runs docker with its output on ours; gives its exit status. */
async function docker(args: readonly string[]): Promise<number> {
  // The classic builder asks no registry for a frontend and finds local bases.
  const env = { DOCKER_BUILDKIT: '0', ...process.env };
  const child = spawn('docker', args, { stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.on('exit', (status) => {
      resolve(status ?? 1);
    });
    child.on('error', (error) => {
      const message = `docker cannot be run: ${inWords(error)}; install Docker's command`;
      reject(new Error(message, { cause: error }));
    });
  });
}

function inWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
