import assert from 'node:assert/strict';
import { FileDiscovery } from '../../../src/adapters/file/file-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { SimFile } from '../../../sim/file/sim-file.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';

const WEB = service('/web');

/** A file with one endpoint, followed by one view. */
async function start(text = '/web: [10.0.0.1:80]\n'): Promise<{
  clock: SimClock;
  file: SimFile;
  view: DiscoveryView;
}> {
  const clock = new SimClock(settle);
  const file = new SimFile('endpoints.yaml');
  file.write(text);
  const discovery = new FileDiscovery({ client: file, clock }, { name: 'file' });
  const view = new DiscoveryView(discovery, WEB);
  await clock.advance(0);
  return { clock, file, view };
}

describe('FileDiscovery', () => {
  it('[C7] keeps the last good content when an edit breaks the file, and names line and column', async () => {
    const { clock, file, view } = await start();
    file.write('/web: [10.0.0.1:80\n');
    await clock.advance(5_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    assert.equal(view.problems.length, 1);
    assert.match(view.problems[0] ?? '', /^endpoints.yaml, line 2: /);
    file.write('/web: [10.0.0.2:80]\n');
    await clock.advance(5_000);
    assert.deepEqual(view.addresses, ['10.0.0.2:80']);
    await view[Symbol.asyncDispose]();
  });

  it('[C7] keeps the last good endpoints of a service whose list has no good entry any more', async () => {
    const { clock, file, view } = await start();
    file.write('/web: [10.0.0.1:0, nonsense]\n');
    await clock.advance(5_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    file.write('/web: []\n');
    await clock.advance(5_000);
    assert.deepEqual(view.addresses, []);
    await view[Symbol.asyncDispose]();
  });

  for (const { name, text, expected } of [
    { name: 'nothing of a good file', text: '/web: []\n', expected: undefined },
    {
      name: 'what is wrong with a file that is no YAML',
      text: '/web: [\n',
      expected: /^endpoints\.yaml, line 2/,
    },
  ]) {
    it(`answers when probed ${name}`, async () => {
      const file = new SimFile('endpoints.yaml');
      file.write(text);
      const discovery = new FileDiscovery({ client: file, clock: new SimClock(settle) }, { name: 'file' });
      const outage = await discovery.probe({ signal: new AbortController().signal });
      if (expected === undefined) assert.equal(outage, undefined);
      else assert.match(outage?.reason ?? '', expected);
    });
  }

  it('[D06] reads a file that is written in steps only when it stands still', async () => {
    const { clock, file, view } = await start('/web: [10.0.0.1:80, 10.0.0.2:80]\n');
    file.write('');
    await clock.advance(20);
    file.write('/web: [10.0.0.1:80]\n');
    await clock.advance(20);
    file.write('/web: [10.0.0.1:80, 10.0.0.3:80]\n');
    await clock.advance(5_000);
    assert.equal(view.items.length, 2);
    assert.deepEqual(view.addresses, ['10.0.0.1:80', '10.0.0.3:80']);
    await view[Symbol.asyncDispose]();
  });

  it('[P34] notices an edit of which no hint came', async () => {
    const { clock, file, view } = await start();
    file.mute();
    file.write('/web: [10.0.0.2:80]\n');
    await clock.advance(2_000);
    assert.deepEqual(view.addresses, ['10.0.0.2:80']);
    await view[Symbol.asyncDispose]();
  });

  it('keeps the endpoints of a service that an edit made no list of', async () => {
    const { clock, file, view } = await start();
    file.write('/web: 10.0.0.1:80\n');
    await clock.advance(2_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    assert.match(view.problems.join(), /must be a list/);
    await view[Symbol.asyncDispose]();
  });

  it('tells a file that is broken from the start as unreachable, not as empty', async () => {
    const { clock, file, view } = await start('/web: [\n');
    assert.deepEqual(view.kinds, ['unreachable']);
    file.write('{}\n');
    await clock.advance(2_000);
    assert.deepEqual(view.addresses, []);
    await view[Symbol.asyncDispose]();
  });

  it('tells a problem of the file as a whole to one watch only', async () => {
    const clock = new SimClock(settle);
    const file = new SimFile('endpoints.yaml');
    file.write('/web: [10.0.0.1:80]\n');
    const discovery = new FileDiscovery({ client: file, clock }, { name: 'file' });
    const views = [new DiscoveryView(discovery, WEB), new DiscoveryView(discovery, service('/other'))];
    await clock.advance(1_000);
    file.write(': : :\n- x');
    await clock.advance(2_000);
    assert.equal(views.filter((view) => view.problems.length > 0).length, 1);
    for (const view of views) await view[Symbol.asyncDispose]();
    assert.equal(clock.pendingTimers, 0);
  });
});
