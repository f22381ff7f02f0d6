import assert from 'node:assert/strict';
import { DiscoveryView, service } from '../support/discovery-view.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Discovery } from '../../src/ports/discovery.ts';

/** How long an outage is looked at, in milliseconds: several retries of every adapter. */
const OUTAGE_MS = 12_000;

/** The same where time is real. */
const REAL_OUTAGE_MS = 1_500;

/** A source of endpoints and the discovery under test. An instance has a name within its service. */
export interface DiscoverySource extends AsyncDisposable {
  readonly discovery: Discovery;
  /** Whether `pass` waits for real. */
  readonly isReal: boolean;
  /** Makes a service known without an endpoint, where the source can say so. */
  declare(service: ServiceName): Promise<void>;
  /** Registers an instance, or replaces what is registered under its name. */
  put(service: ServiceName, name: string, socketAddress: string): Promise<void>;
  remove(service: ServiceName, name: string): Promise<void>;
  /** Writes what is no endpoint; undefined where the source cannot hold such. */
  readonly putBad: ((service: ServiceName, name: string) => Promise<void>) | undefined;
  /** Lets nobody reach the source until `repair`. */
  cut(): Promise<void>;
  repair(): Promise<void>;
  /** Lets the source refuse to tell; undefined where there are no rights. */
  readonly forbid: (() => Promise<void>) | undefined;
  /** Makes every open watch lose its place, with all it missed; undefined where there is no such thing. */
  readonly losePosition: (() => Promise<void>) | undefined;
  /** Registers an instance that goes away by itself; undefined where none does. */
  readonly putExpiring: ((service: ServiceName, name: string, at: string) => Promise<void>) | undefined;
  /** Lets time pass and all that is due in it happen. */
  pass(ms: number): Promise<void>;
  /** Timers, streams and descriptors the discovery holds; 0 when nothing is watched. */
  held(): Promise<number>;
}

/** What not every source can do. */
type Lever = 'putBad' | 'forbid' | 'losePosition' | 'putExpiring';

const WEB = service('/prod/web');
const WEB2 = service('/prod/web2');
const A = '10.0.0.1:80';
const B = '10.0.0.2:81';
const C = '[fd00::1]:82';

/**
 * Checks what the port promises on one kind of discovery.
 *
 * @param setup - A fresh source for each test.
 * @param options - `lacks`: the levers that its sources leave undefined; what needs them is not tested there.
 *   `provesAbsence`: whether a list may prove that what it lacks is gone.
 */
export function describeDiscoveryContract(
  name: string,
  setup: () => Promise<DiscoverySource>,
  options: { readonly lacks?: readonly Lever[]; readonly provesAbsence?: boolean } = {},
): void {
  const { lacks = [], provesAbsence = true } = options;

  /** Runs a test with a source that has one endpoint, and a view of it. */
  function on(run: (source: DiscoverySource) => Promise<void>): Mocha.AsyncFunc {
    return async () => {
      await using source = await setup();
      await source.put(WEB, 'a', A);
      await run(source);
    };
  }

  async function sees(
    source: DiscoverySource,
    view: DiscoveryView,
    addresses: readonly string[],
  ): Promise<void> {
    const wanted = JSON.stringify([...addresses].sort());
    await view.until(
      (ms) => source.pass(ms),
      () => JSON.stringify(view.addresses) === wanted,
    );
  }

  async function hears(source: DiscoverySource, view: DiscoveryView, kind: string): Promise<void> {
    await view.until(
      (ms) => source.pass(ms),
      () => view.kinds.at(-1) === kind,
    );
  }

  /** Registers a test where the source has the lever for it. */
  function needs(lever: Lever, title: string, run: Mocha.AsyncFunc): void {
    if (!lacks.includes(lever)) it(title, run);
  }

  const outageMs = (source: DiscoverySource): number => (source.isReal ? REAL_OUTAGE_MS : OUTAGE_MS);

  describe(`Discovery: ${name}`, () => {
    it(
      'tells a snapshot first, sorted by id',
      on(async (source) => {
        await source.put(WEB, 'c', C);
        await source.put(WEB, 'b', B);
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A, B, C]);
        const [first] = view.items;
        assert.ok(first?.kind === 'snapshot');
        assert.deepEqual(first.problems, []);
        if (provesAbsence) assert.equal(first.evidence, 'authoritative');
        const ids = first.endpoints.map(({ id }) => id);
        assert.deepEqual(ids, [...ids].sort());
      }),
    );

    it(
      'answers a probe while it can be asked, and says why not while it cannot',
      on(async (source) => {
        const { signal } = new AbortController();
        const ask = async (): Promise<string | undefined> => {
          const answer: (string | undefined)[] = [];
          const asked = source.discovery.probe({ signal }).then((outage) => answer.push(outage?.kind));
          for (let waited = 0; answer.length === 0 && waited < OUTAGE_MS; waited += 100)
            await source.pass(100);
          await asked;
          return answer[0];
        };
        assert.equal(await ask(), undefined);
        await source.cut();
        assert.equal(await ask(), 'unreachable');
        await source.repair();
        assert.equal(await ask(), undefined);
        assert.equal(await source.held(), 0);
      }),
    );

    it(
      'tells that a service without endpoints is known and empty',
      on(async (source) => {
        await source.declare(WEB2);
        await using view = new DiscoveryView(source.discovery, WEB2);
        await sees(source, view, []);
        assert.deepEqual(view.kinds, ['snapshot']);
      }),
    );

    it(
      'tells what appears, changes and goes',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A]);
        await source.put(WEB, 'b', B);
        await sees(source, view, [A, B]);
        await source.put(WEB, 'b', C);
        await sees(source, view, [A, C]);
        await source.remove(WEB, 'a');
        await sees(source, view, [C]);
        await source.remove(WEB, 'b');
        await sees(source, view, []);
      }),
    );

    it(
      'tells nothing when the same is written again',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A]);
        await source.put(WEB, 'a', A);
        await source.pass(source.isReal ? 400 : 3_000);
        assert.deepEqual(view.kinds, ['snapshot']);
      }),
    );

    it(
      '[D07] keeps services apart, also where one name begins like the other',
      on(async (source) => {
        await source.put(WEB2, 'b', B);
        await using web = new DiscoveryView(source.discovery, WEB);
        await using web2 = new DiscoveryView(source.discovery, WEB2);
        await sees(source, web, [A]);
        await sees(source, web2, [B]);
        await source.put(WEB2, 'c', C);
        await sees(source, web2, [B, C]);
        assert.deepEqual(web.addresses, [A]);
        assert.deepEqual(web.kinds, ['snapshot']);
      }),
    );

    it(
      '[P33] never tells a service empty before the source answered',
      on(async (source) => {
        await source.cut();
        await using view = new DiscoveryView(source.discovery, WEB);
        await hears(source, view, 'unreachable');
        await source.pass(outageMs(source));
        assert.deepEqual(view.kinds, ['unreachable']);
        await source.repair();
        await sees(source, view, [A]);
        assert.deepEqual(view.kinds, ['unreachable', 'snapshot']);
      }),
    );

    it(
      '[P14] tells an outage once, withdraws nothing, and tells afterwards what changed in it',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A]);
        await source.cut();
        await hears(source, view, 'unreachable');
        await source.pass(outageMs(source));
        assert.deepEqual(view.kinds, ['snapshot', 'unreachable']);
        assert.deepEqual(view.addresses, [A]);
        await source.put(WEB, 'b', B);
        await source.repair();
        await sees(source, view, [A, B]);
        assert.equal(view.kinds.filter((kind) => kind === 'unreachable').length, 1);
      }),
    );

    needs(
      'forbid',
      'tells a source that refuses apart from one that is away',
      on(async (source) => {
        await source.forbid?.();
        await using view = new DiscoveryView(source.discovery, WEB);
        await hears(source, view, 'forbidden');
        await source.pass(outageMs(source));
        assert.deepEqual(view.kinds, ['forbidden']);
        await source.repair();
        await sees(source, view, [A]);
      }),
    );

    needs(
      'putBad',
      'tells of a bad document once, and of the others as ever',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A]);
        await source.putBad?.(WEB, 'bad');
        await source.put(WEB, 'b', B);
        await sees(source, view, [A, B]);
        await source.pass(source.isReal ? 400 : 3_000);
        assert.equal(view.problems.length, 1, JSON.stringify(view.problems));
        await source.remove(WEB, 'bad');
        await source.put(WEB, 'c', C);
        await sees(source, view, [A, B, C]);
        assert.equal(view.problems.length, 1, 'a problem must be told once');
      }),
    );

    needs(
      'losePosition',
      '[P16] answers a lost position with a fresh snapshot',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await sees(source, view, [A]);
        await source.put(WEB, 'b', B);
        await source.remove(WEB, 'a');
        await source.losePosition?.();
        await sees(source, view, [B]);
        await source.put(WEB, 'c', C);
        await sees(source, view, [B, C]);
        assert.ok(!view.kinds.includes('unreachable'), 'a lost position is no outage');
      }),
    );

    needs(
      'putExpiring',
      '[D06] tells that an expired instance is gone',
      on(async (source) => {
        await using view = new DiscoveryView(source.discovery, WEB);
        await source.putExpiring?.(WEB, 'b', B);
        await sees(source, view, [A, B]);
        await sees(source, view, [A]);
        assert.equal(view.kinds.at(-1), 'changes');
      }),
    );

    it(
      '[D03] holds nothing once its watches are aborted',
      on(async (source) => {
        assert.equal(await source.held(), 0);
        const web = new DiscoveryView(source.discovery, WEB);
        const web2 = new DiscoveryView(source.discovery, WEB2);
        await sees(source, web, [A]);
        assert.ok((await source.held()) > 0);
        await web[Symbol.asyncDispose]();
        assert.ok(web.hasEnded);
        assert.ok((await source.held()) > 0, 'the other watch lives on');
        await web2[Symbol.asyncDispose]();
        await source.pass(0);
        assert.equal(await source.held(), 0);
      }),
    );

    it(
      '[D03] holds nothing when aborted during an outage',
      on(async (source) => {
        await source.cut();
        const view = new DiscoveryView(source.discovery, WEB);
        await hears(source, view, 'unreachable');
        await view[Symbol.asyncDispose]();
        await source.pass(0);
        assert.equal(await source.held(), 0);
      }),
    );

    it(
      'tells nothing to a watch that is aborted from the start',
      on(async (source) => {
        const signal = AbortSignal.abort(new Error('too late'));
        for await (const item of source.discovery.watch(WEB, { signal })) assert.fail(item.kind);
        await source.pass(0);
        assert.equal(await source.held(), 0);
      }),
    );
  });
}
