import { openFileLimit } from '../adapters/node/file-limit.ts';
import { connectionBudget } from '../app/connection-budget.ts';
import { OPTIONS } from '../cli/options.ts';
import { discoveryChoices } from './create-discoveries.ts';
import { followText } from './follow-text.ts';
import type { Daemon } from '../app/daemon.ts';
import type { UserspaceProxier } from '../app/userspace-proxier.ts';
import type { OptionRow } from '../cli/option-row.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { Clock } from '../ports/clock.ts';
import type { AdjustableLog } from '../ports/log.ts';

/** What each choice is made from, and whether a running daemon can take another. */
const CHOICES: Readonly<Record<keyof Options, Choice>> = {
  accessLog: fixed(OPTIONS.accessLog),
  accessPolicy: fixed(OPTIONS.accessPolicy),
  admin: fixed(OPTIONS.adminSocket, OPTIONS.adminListen, OPTIONS.adminTokenFile),
  balance: live(OPTIONS.balance),
  capture: fixed(OPTIONS.dnat, OPTIONS.redirect, OPTIONS.listen),
  config: fixed(OPTIONS.config),
  conntrackMax: fixed(OPTIONS.conntrackMax),
  conntrackTimeoutMs: fixed(OPTIONS.conntrackTimeout),
  consumers: fixed(OPTIONS.consumer),
  debug: live(OPTIONS.v),
  discoveries: fixed(OPTIONS.discovery),
  discoverySockets: fixed(OPTIONS.discoverySockets),
  docker: fixed(OPTIONS.docker),
  drainMs: live(OPTIONS.drain),
  endpointDrainMs: fixed(OPTIONS.endpointDrain),
  failFast: fixed(OPTIONS.failFast),
  filter: fixed(OPTIONS.filter),
  halfCloseTimeoutMs: live(OPTIONS.halfCloseTimeout),
  interface: fixed(OPTIONS.interface),
  keepRules: fixed(OPTIONS.keepRules),
  kernelBytes: fixed(OPTIONS.kernelBytes),
  logFormat: fixed(OPTIONS.logFormat),
  lossHoldMs: fixed(OPTIONS.lossHold),
  marathonPort: fixed(OPTIONS.marathonPort),
  maxBindings: live(OPTIONS.maxBindings),
  maxConnections: live(OPTIONS.maxConnections),
  maxConnectionsPerBinding: live(OPTIONS.maxConnectionsPerBinding),
  packetMark: fixed(OPTIONS.packetMark),
  port: fixed(OPTIONS.port),
  prefix: fixed(OPTIONS.prefix),
  provider: fixed(OPTIONS.provider),
  proxier: fixed(OPTIONS.proxier),
  resilience: fixed(
    OPTIONS.ejectAfter,
    OPTIONS.ejectTime,
    OPTIONS.ejectTimeMax,
    OPTIONS.panicThreshold,
    OPTIONS.slowStart,
  ),
  resyncMs: fixed(OPTIONS.resync),
  services: fixed(OPTIONS.services),
  stateDir: fixed(OPTIONS.stateDir),
  unbound: fixed(OPTIONS.unbound),
  unknownWaitMs: live(OPTIONS.unknownWait),
  upgradeDrainMs: fixed(OPTIONS.upgradeDrain),
  virtualIps: fixed(OPTIONS.virtualIp),
};

/** The options that make a choice. */
interface Choice {
  readonly rows: readonly OptionRow<unknown>[];
  readonly isLive: boolean;
}

/** What a reload works with. */
export interface ReloadDependencies {
  readonly clock: Clock;
  readonly log: AdjustableLog;
  readonly daemon: Daemon;
  readonly proxier: UserspaceProxier;
}

/** What a daemon runs with. */
export interface ConfigInForce {
  readonly options: Options;
  /** The text of the config file that they were read from; undefined without one. */
  readonly configText: string | undefined;
  /** What the command line, the environment and the config file say now; or what is wrong, line by line. */
  readonly read: () => Options | readonly string[];
}

/**
 * Has a daemon follow its config file: what a running daemon can take is applied, what it cannot is said by
 * name, and a file that is wrong changes nothing.
 *
 * @returns Reads everything anew now. Without a config file nothing is followed, as nothing else changes.
 */
export function followConfig(
  dependencies: ReloadDependencies,
  { options, configText, read }: ConfigInForce,
  resources: AsyncDisposableStack,
): () => void {
  const { clock, log } = dependencies;
  const { config: path } = options;
  if (path === undefined) return () => undefined;
  let applied = options;
  return followText(
    { clock },
    { path, known: configText },
    {
      onText: () => {
        const next = read();
        if ('provider' in next) applied = apply(dependencies, applied, next);
        else {
          for (const line of next) log.error(line);
          log.error(`config file ${path} is wrong; embassy goes on as before`);
        }
      },
      onTrouble: (reason) => {
        log.error(`the config file cannot be read (${reason}); embassy goes on as before`);
      },
    },
    resources,
  );
}

/** @returns What is in force now: what cannot change while it runs stays as it was. */
function apply({ daemon, log, proxier }: ReloadDependencies, before: Options, next: Options): Options {
  const changed = (Object.keys(CHOICES) as (keyof Options)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(next[key]),
  );
  const taken = changed.filter((key) => CHOICES[key].isLive);
  const left = changed.filter((key) => !CHOICES[key].isLive);
  if (changed.length === 0) {
    log.info('the config was read anew; nothing has changed');
    return before;
  }
  const { balance, debug, drainMs, maxBindings } = next;
  // The admin API may have changed it meanwhile; another change of the file leaves that.
  if (taken.includes('debug')) log.setLevel(debug ? 'debug' : 'info');
  daemon.reconfigure({ drainMs, maxBindings, defaults: { discoveries: discoveryChoices(before), balance } });
  const { maxConnections } = connectionBudget(next.maxConnections, openFileLimit());
  proxier.reconfigure({ ...next, maxConnections });
  if (taken.length > 0) log.info(`the config was read anew; in force now: ${named(taken)}`);
  if (left.length > 0) {
    log.warn(
      `the config was read anew; ${named(left)} cannot change while embassy runs: ` +
        'SIGUSR2 starts a new daemon that takes over without losing a connection',
    );
  }
  return { ...before, ...Object.fromEntries(taken.map((key) => [key, next[key]])) };
}

function named(keys: readonly (keyof Options)[]): string {
  return keys.flatMap((key) => CHOICES[key].rows.map(({ name }) => `--${name}`)).join(', ');
}

function live(...rows: readonly OptionRow<unknown>[]): Choice {
  return { rows, isLive: true };
}

function fixed(...rows: readonly OptionRow<unknown>[]): Choice {
  return { rows, isLive: false };
}
