import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { findPredecessor } from '../../../src/adapters/node/upgrade-processes.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { freeAddress } from '../../support/node-tcp-world.ts';

const PROGRAM = fileURLToPath(new URL('./handing-over.ts', import.meta.url));

describe('startSuccessor', () => {
  it('[P37] hands sockets on that go on listening while nobody accepts', async () => {
    const [where, unwanted] = [await freeAddress('127.0.0.1'), await freeAddress('127.0.0.1')];
    const addresses = [where, unwanted].map(formatSocketAddress);
    const running = spawn(process.execPath, [PROGRAM, ...addresses], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [seen] = (await once(running.stdout, 'data')) as [Buffer];
    const { pid, successor, lacks } = JSON.parse(seen.toString()) as Record<string, unknown>;
    assert.notEqual(pid, successor);
    assert.deepEqual(lacks, ['variables: '], 'what it inherited is taken out of its environment');
    const ask = async (): Promise<string> => text(connect({ host: where.address, port: where.port }));
    assert.equal(await ask(), `a shape ${String(successor)}`);
    const refused = connect({ host: unwanted.address, port: unwanted.port });
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED', 'a socket that the successor does not want is closed');
    assert.equal(await ask(), `a shape ${String(successor)}`, 'and it is still there');
  });
});

describe('findPredecessor', () => {
  it('finds none in an environment that only looks like one', () => {
    const environment = { EMBASSY_INHERITED: 'listen userspace;127.0.0.1:80' };
    assert.equal(findPredecessor(environment), undefined);
    assert.deepEqual(environment, {});
    assert.equal(findPredecessor({}), undefined);
  });
});
