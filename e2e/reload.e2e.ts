import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { environment } from './support/environment.ts';
import { LoadEndpoint, visit } from './support/load.ts';
import { LocalEmbassy } from './support/local-embassy.ts';

const OFFSET = 18_800;
const ENDPOINT = { address: '127.0.2.78', port: 18_080 };
const LOG_TIMEOUT_MS = 10_000;

describe('a config file that changes while embassy runs', () => {
  let stack: AsyncDisposableStack;
  let file: string;
  let embassy: LocalEmbassy;

  before(async () => {
    stack = new AsyncDisposableStack();
    stack.use(await LoadEndpoint.start(ENDPOINT.address, ENDPOINT.port));
    file = path.join(environment().runDirectory, 'reload.yaml');
    await writeFile(file, 'max-connections: 100\n');
    embassy = stack.use(
      await LocalEmbassy.start({
        endpoints: [`${ENDPOINT.address}:${ENDPOINT.port}`],
        offset: OFFSET,
        extra: [`--config=${file}`],
      }),
    );
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('is in force at once as far as a running daemon can take it, and the rest is named', async () => {
    await writeFile(file, 'max-connections: 200\nbalance: random\nport: 9000\nv: 3\n');
    await embassy.waitForLog(/in force now: --balance, --v, --max-connections/u, LOG_TIMEOUT_MS);
    await embassy.waitForLog(/--port cannot change while embassy runs: SIGUSR2/u, LOG_TIMEOUT_MS);
    assert.equal(await visit(80 + OFFSET, 'whole', 1), 'answered');
  });

  it('changes nothing when it is wrong, which is said with file and line', async () => {
    await writeFile(file, 'max-connections: 200\nblance: random\n');
    await embassy.waitForLog(/reload\.yaml, line 2: unknown option 'blance'/u, LOG_TIMEOUT_MS);
    await embassy.waitForLog(/is wrong; embassy goes on as before/u, LOG_TIMEOUT_MS);
    assert.equal(await visit(80 + OFFSET, 'whole', 2), 'answered');
  });

  it('is read anew when SIGHUP asks for it, and that does not stop the daemon', async () => {
    await writeFile(file, 'max-connections: 200\nbalance: random\nv: 3\n');
    await embassy.waitForLog(/read anew; nothing has changed/u, LOG_TIMEOUT_MS);
    embassy.signal('SIGHUP');
    await embassy.waitForLog(/SIGHUP: reading the config anew/u, LOG_TIMEOUT_MS);
    assert.equal(await visit(80 + OFFSET, 'whole', 3), 'answered');
  });
});
