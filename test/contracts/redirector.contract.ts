import assert from 'node:assert/strict';
import { at } from '../support/addresses.ts';
import type {
  BoundPort,
  Capture,
  DnatCapture,
  RedirectCapture,
  Redirector,
} from '../../src/ports/redirector.ts';

/** A host whose rules a redirector writes, and what else can happen to them. */
export interface RedirectorHost extends AsyncDisposable {
  /** A redirector as a daemon makes it at its start. Another one on the same host: a start after kill -9. */
  redirector(): Redirector;
  /** Every rule of the host, of both families, without counters; equal texts are equal rules; empty: none. */
  rules(): Promise<string>;
  /** Writes rules of somebody else, among them some that look a little like ours. */
  writeForeignRules(): Promise<void>;
  /** Leaves our entry rule twice, as two starts that know nothing of each other would. */
  doubleOurRules(): Promise<void>;
  /** Empties the tables, ours and all. */
  wipe(): Promise<void>;
}

/** A host that cannot be had here, and why. */
export interface NoHost {
  readonly skip: string;
}

const CAPTURE: DnatCapture = {
  kind: 'dnat',
  virtualIps: [at('172.17.0.1:9999').address],
  interfaces: ['br-0123456789ab', 'docker0'],
  listeners: [at('172.17.0.1:9999')],
  bound: undefined,
  localPorts: [],
};

const BOTH_FAMILIES: DnatCapture = {
  ...CAPTURE,
  virtualIps: [at('172.17.0.1:9999').address, at('[fd00::1]:9999').address],
  interfaces: ['docker0'],
  listeners: [at('172.17.0.1:9999'), at('[fd00::1]:9999')],
};

const REDIRECT: RedirectCapture = {
  kind: 'redirect',
  families: [4, 6],
  virtualIps: [at('10.1.2.3:1').address, at('[fd00::1]:1').address],
  port: at('10.1.2.3:9999').port,
  bound: undefined,
};

/** More than fifteen of one source, one of another, and one of anybody. */
const BOUND: readonly BoundPort[] = [
  ...Array.from({ length: 20 }, (_, index) => ({
    source: at('172.17.0.2:1').address,
    port: at(`0.0.0.0:${8000 + index}`).port,
  })),
  { source: at('[fd00::2]:1').address, port: at('0.0.0.0:80').port },
  { source: '*', port: at('0.0.0.0:6379').port },
];

/** Captures of one after the other, each different in one respect. */
const CHANGES: readonly { readonly name: string; readonly capture: Capture }[] = [
  { name: 'an interface more', capture: { ...CAPTURE, interfaces: ['br-0123456789ab', 'br1', 'docker0'] } },
  { name: 'an interface less', capture: { ...CAPTURE, interfaces: ['docker0'] } },
  { name: 'another virtual IP', capture: { ...CAPTURE, virtualIps: [at('10.1.2.3:1').address] } },
  { name: 'another listener', capture: { ...CAPTURE, listeners: [at('172.17.0.1:10000')] } },
  { name: 'another family as well', capture: BOTH_FAMILIES },
  { name: 'only what is bound', capture: { ...CAPTURE, bound: BOUND } },
  {
    name: "ports of the host's own traffic",
    capture: { ...CAPTURE, localPorts: BOUND.map(({ port }) => port) },
  },
  { name: 'what arrives in the namespace', capture: REDIRECT },
  { name: 'what arrives and is bound', capture: { ...REDIRECT, bound: BOUND } },
];

/**
 * Checks what the port promises on one kind of host.
 *
 * @param setup - A fresh host for each test.
 */
export function describeRedirectorContract(
  name: string,
  setup: () => Promise<RedirectorHost | NoHost>,
): void {
  const { signal } = new AbortController();

  /** Runs a test on a fresh host, or skips it with the reason in its title. */
  function on(run: (host: RedirectorHost) => Promise<void>): Mocha.AsyncFunc {
    return async function (): Promise<void> {
      const host = await setup();
      if ('skip' in host) {
        if (this.test !== undefined) this.test.title += ` (skipped: ${host.skip})`;
        return this.skip();
      }
      try {
        await run(host);
      } finally {
        await host[Symbol.asyncDispose]();
      }
    };
  }

  describe(`${name} keeps the contract of Redirector`, () => {
    it(
      '[C4] writes what is missing, and nothing when all is there',
      on(async (host) => {
        const redirector = host.redirector();
        const before = await host.rules();
        assert.equal(await redirector.ensure(CAPTURE, { signal }), true);
        const written = await host.rules();
        assert.notEqual(written, before, 'ensure must write rules');
        assert.equal(await redirector.ensure(CAPTURE, { signal }), false);
        assert.equal(await host.rules(), written);
      }),
    );

    it(
      '[C9] [P28] ends with exactly one set of rules after a kill -9 and a start',
      on(async (host) => {
        await host.redirector().ensure(CAPTURE, { signal });
        const once = await host.rules();
        for (let start = 1; start <= 3; start += 1) await host.redirector().ensure(CAPTURE, { signal });
        assert.equal(await host.rules(), once);
      }),
    );

    it(
      '[P28] reduces rules that stand there twice to one set',
      on(async (host) => {
        await host.redirector().ensure(CAPTURE, { signal });
        const once = await host.rules();
        await host.doubleOurRules();
        assert.notEqual(await host.rules(), once, 'the lever must double the rules');
        assert.equal(await host.redirector().ensure(CAPTURE, { signal }), true);
        assert.equal(await host.rules(), once);
      }),
    );

    for (const { name: what, capture } of CHANGES) {
      it(
        `[C4] replaces its rules when the capture has ${what}, and again when it is as before`,
        on(async (host) => {
          const redirector = host.redirector();
          await redirector.ensure(capture, { signal });
          const direct = await host.rules();
          await redirector.cleanup({ signal });
          await redirector.ensure(CAPTURE, { signal });
          const before = await host.rules();
          assert.equal(await redirector.ensure(capture, { signal }), true);
          assert.equal(await host.rules(), direct);
          assert.equal(await redirector.ensure(CAPTURE, { signal }), true);
          assert.equal(await host.rules(), before);
        }),
      );
    }

    it(
      '[C4] leaves the rules of others as they were',
      on(async (host) => {
        await host.writeForeignRules();
        const before = await host.rules();
        const redirector = host.redirector();
        await redirector.ensure(BOTH_FAMILIES, { signal });
        const during = new Set((await host.rules()).split('\n'));
        const lost = before.split('\n').filter((line) => !during.has(line));
        assert.deepEqual(lost, [], 'no rule of others may go');
        await redirector.cleanup({ signal });
        assert.equal(await host.rules(), before);
      }),
    );

    it(
      '[D11] ends with exactly one set of rules of a namespace however often it starts',
      on(async (host) => {
        await host.redirector().ensure(REDIRECT, { signal });
        const once = await host.rules();
        for (let start = 1; start <= 3; start += 1) {
          assert.equal(await host.redirector().ensure(REDIRECT, { signal }), false);
        }
        assert.equal(await host.rules(), once);
        await host.redirector().cleanup({ signal });
        assert.equal(await host.rules(), '');
      }),
    );

    it(
      '[C9] removes at the end what another life of the daemon wrote',
      on(async (host) => {
        const before = await host.rules();
        await host.redirector().ensure(BOTH_FAMILIES, { signal });
        await host.doubleOurRules();
        assert.equal(await host.redirector().cleanup({ signal }), true);
        assert.equal(await host.rules(), before);
      }),
    );

    it(
      '[C9] has nothing to clean up on a host without rules of ours',
      on(async (host) => {
        await host.writeForeignRules();
        const before = await host.rules();
        assert.equal(await host.redirector().cleanup({ signal }), false);
        assert.equal(await host.rules(), before);
      }),
    );

    it(
      '[C4] writes again what was wiped',
      on(async (host) => {
        const redirector = host.redirector();
        await redirector.ensure(BOTH_FAMILIES, { signal });
        const written = await host.rules();
        await host.wipe();
        assert.equal(await redirector.ensure(BOTH_FAMILIES, { signal }), true);
        assert.equal(await host.rules(), written);
      }),
    );

    it(
      '[C4] captures nothing, and leaves nothing behind, where there is no interface',
      on(async (host) => {
        const redirector = host.redirector();
        const before = await host.rules();
        assert.equal(await redirector.ensure({ ...CAPTURE, interfaces: [] }, { signal }), false);
        await redirector.ensure(CAPTURE, { signal });
        assert.equal(await redirector.ensure({ ...CAPTURE, interfaces: [] }, { signal }), true);
        assert.equal(await host.rules(), before);
      }),
    );

    it(
      'rejects with the reason of an abort, and changes nothing',
      on(async (host) => {
        const before = await host.rules();
        const reason = new Error('the daemon stops');
        const aborted = AbortSignal.abort(reason);
        await assert.rejects(host.redirector().ensure(CAPTURE, { signal: aborted }), reason);
        await assert.rejects(host.redirector().cleanup({ signal: aborted }), reason);
        assert.equal(await host.rules(), before);
      }),
    );
  });
}
