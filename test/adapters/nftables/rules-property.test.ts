import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { binding } from '../../support/bindings.ts';
import { APART, ScriptedPassage } from './bridges-apart.ts';
import { RulesBench, told, VIRTUAL_IP } from './rules-bench.ts';

/** The last is on the host's own network. */
const CONSUMERS = ['172.30.0.2', '172.30.0.3', '172.30.0.4', VIRTUAL_IP];
const PORTS = [80, 81];
/** The last has its endpoints behind another bridge. */
const SERVICES = ['/a', '/b', '/c'];

/** Its endpoints see its own address, wherever they answer by way of the host. */
const KEPT = '172.30.0.3';

const BYSTANDER = '172.30.0.9 99';

/** Each is some simulated seconds of a table with a dozen of packets. */
const RUNS = 60;

/** What may happen to the rules. */
type Step =
  | {
      readonly kind: 'bind' | 'unbind';
      readonly consumer: string;
      readonly port: number;
      readonly service: string;
    }
  | { readonly kind: 'endpoints'; readonly service: string; readonly count: number }
  | { readonly kind: 'restart' | 'wipe' | 'refuse' | 'touch' | 'cross' | 'hide' };

const service = fc.constantFrom(...SERVICES);
const place = { consumer: fc.constantFrom(...CONSUMERS), port: fc.constantFrom(...PORTS), service };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('bind' as const), ...place }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('unbind' as const), ...place }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('endpoints' as const), service, count: fc.nat({ max: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('restart' as const, 'wipe', 'refuse', 'touch', 'cross', 'hide'),
      }),
    },
  ),
  { maxLength: 12 },
);

/** What was asked for, beside the rules that were made of it. */
class Model {
  readonly #options = { keepsRules: true, passage: new ScriptedPassage() };
  readonly bench = new RulesBench(this.#options);
  /** The service of each `CONSUMER PORT`. */
  readonly #bound = new Map<string, string>();
  /** How many endpoints each service has; the n-th of a service has an address of its own. */
  readonly #counts = new Map(SERVICES.map((name) => [name, 1]));

  async take(step: Step): Promise<void> {
    const { bench } = this;
    switch (step.kind) {
      case 'bind':
        this.#bound.set(`${step.consumer} ${step.port}`, step.service);
        await this.#sync();
        return;
      case 'unbind':
        this.#bound.delete(`${step.consumer} ${step.port}`);
        await this.#sync();
        return;
      case 'endpoints':
        this.#counts.set(step.service, step.count);
        await this.#sync();
        return;
      case 'restart':
        await bench.proxier[Symbol.asyncDispose]();
        bench.proxier = bench.make(this.#options);
        await this.#sync();
        return;
      case 'wipe':
        bench.nft.wipe();
        bench.nft.somebody(APART);
        await bench.clock.advance(3_000);
        return;
      case 'refuse':
        bench.nft.refuseNext();
        // Somebody who is not looked at, so that there is something to write.
        if (!this.#bound.delete(BYSTANDER)) this.#bound.set(BYSTANDER, '/a');
        await this.#sync();
        bench.nft.repair();
        return;
      case 'touch':
        if (bench.nft.ruleset.has('inet embassy')) bench.nft.somebody('flush map inet embassy bindings4');
        await bench.clock.advance(30_000);
        return;
      case 'cross':
        if (bench.nft.ruleset.has('inet embassy')) bench.nft.somebody('flush set inet embassy crossing4');
        await bench.clock.advance(30_000);
        return;
      case 'hide':
        if (bench.nft.ruleset.has('inet embassy')) bench.nft.somebody('flush set inet embassy shown4');
        await bench.clock.advance(30_000);
    }
  }

  /** Where a first packet may go. */
  mayBecome(consumer: string, port: number): readonly string[] {
    const name = this.#bound.get(`${consumer} ${port}`);
    const endpoints = name === undefined ? [] : this.#endpointsOf(name);
    return endpoints.length === 0
      ? [`here at ${VIRTUAL_IP}:${port}`]
      : endpoints.map((at) => wayTo(at, consumer));
  }

  #endpointsOf(name: string): readonly string[] {
    const net = SERVICES.indexOf(name) + 1;
    const prefix = net === SERVICES.length ? '172.31' : '10.30';
    return Array.from({ length: this.#counts.get(name) ?? 0 }, (_, n) => `${prefix}.0.${net}${n}:80`);
  }

  async #sync(): Promise<void> {
    try {
      await this.#syncOnce();
    } catch (error) {
      assert(error instanceof NftablesError, String(error));
      assert.equal(this.bench.nft.ruleset.has('inet embassy'), false, 'no old rule is left');
      await this.#syncOnce();
    }
  }

  async #syncOnce(): Promise<void> {
    const pools = new Map(SERVICES.map((name) => [name, told(`${name};80`, this.#endpointsOf(name))]));
    await this.bench.sync(
      ...[...this.#bound].flatMap(([key, name]) => {
        const [consumer = '', port = ''] = key.split(' ');
        const pool = pools.get(name);
        return pool === undefined
          ? []
          : [[binding(consumer, descriptorOf(consumer, `${name};${port}`), consumer), pool] as const];
      }),
    );
  }
}

/** What becomes of a packet that is led to an endpoint. */
function wayTo(at: string, consumer: string): string {
  if (at.startsWith('172.31.')) return `by br-other to ${at} as 172.31.0.1`;
  return `by net0 to ${at}${consumer === KEPT ? '' : ' as 10.30.0.254'}`;
}

function descriptorOf(consumer: string, text: string): string {
  return consumer === KEPT ? `${text};source=keep` : text;
}

describe('the rules of NftablesProxier, whatever happens,', () => {
  it('[C5] [P04] [P27] lead each consumer to what it bound, and nobody else anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const model = new Model();
        model.bench.nft.somebody(APART);
        for (const step of taken) {
          await model.take(step);
          for (const consumer of CONSUMERS) {
            for (const port of PORTS) {
              const became = model.bench.send({
                source: consumer,
                to: `${VIRTUAL_IP}:${port}`,
                from: consumer === VIRTUAL_IP ? 'process' : 'docker0',
              });
              const expected = model.mayBecome(consumer, port);
              assert(
                expected.includes(became),
                `${consumer} ${port}: ${became}, not ${expected.join(' or ')}`,
              );
            }
          }
        }
        await model.bench.proxier[Symbol.asyncDispose]();
        assert.equal(model.bench.clock.pendingTimers, 0);
      }),
      { numRuns: RUNS },
    );
  });
});
