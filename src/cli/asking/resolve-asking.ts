import { suggestion } from '../nearest-name.ts';
import { OptionReader } from '../option-reader.ts';
import { OPTIONS } from '../options.ts';
import { parsePort } from '../../domain/address.ts';
import { printable } from '../../domain/printable.ts';
import type { Port } from '../../domain/address.ts';
import type { Problem, Result } from '../../domain/result.ts';
import type { AskingCommand } from '../options.ts';
import type { OptionSources } from '../option-reader.ts';
import type { AdminListen } from '../option-value.ts';

/** Where a running daemon is asked, and with what. */
export interface AskOptions {
  /** Undefined where it is switched off. */
  readonly socket: string | undefined;
  readonly listen: AdminListen | undefined;
  /** Whether that address was named, and is to be asked before the socket. */
  readonly prefersListen: boolean;
  readonly tokenFile: string | undefined;
  readonly json: boolean;
  readonly watch: boolean;
  readonly timeoutMs: number;
}

/** What is asked. */
export type Asking = { readonly options: AskOptions } & (
  | { readonly what: Exclude<AskingCommand, 'explain' | 'wait'> }
  | {
      readonly what: 'explain' | 'wait';
      readonly consumer: string;
      readonly port: Port;
      readonly protocol: 'tcp' | 'udp';
    }
);

/** What a command takes besides options, for help and messages. */
export const OPERANDS: Readonly<Record<AskingCommand, string>> = {
  status: '',
  bindings: '',
  services: '',
  endpoints: '',
  connections: '',
  events: '',
  top: '',
  explain: ' <consumer> <port>',
  wait: ' <container> <port>',
};

/**
 * Decides on what is asked of a running daemon.
 *
 * @param words - What stands behind the command and is no option.
 *
 * Pure.
 */
export function resolveAsking(
  command: AskingCommand,
  words: readonly string[],
  sources: OptionSources,
): Result<Asking> {
  const reader = new OptionReader(sources);
  const listen = reader.all(OPTIONS.adminListen)[0];
  const options: AskOptions = {
    socket: reader.one(OPTIONS.adminSocket),
    listen: listen?.value,
    prefersListen: listen?.given ?? false,
    tokenFile: reader.optional(OPTIONS.adminTokenFile)?.value,
    json: reader.optional(OPTIONS.json)?.value ?? false,
    watch: reader.optional(OPTIONS.watch)?.value ?? false,
    timeoutMs: reader.one(OPTIONS.timeout),
  };
  const known = [OPTIONS.adminListen, OPTIONS.adminSocket, OPTIONS.adminTokenFile, OPTIONS.config];
  reader.refuseFlagsBut([...known, OPTIONS.json, OPTIONS.watch, OPTIONS.timeout], command);
  const problems: Problem[] = [...reader.problems];
  if (command !== 'explain' && command !== 'wait') {
    problems.push(...words.map((word) => strayWord(command, word)));
    return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { what: command, options } };
  }
  const [consumer = '', portText = '', ...rest] = words;
  problems.push(...rest.map((word) => strayWord(command, word)));
  const [digits = '', protocol = 'tcp'] = portText.split('/');
  const port = parsePort(digits);
  if (consumer === '' || portText === '') {
    problems.push({
      place: `command '${command}'`,
      message: `write: embassy ${command}${OPERANDS[command]}`,
    });
  } else if (port === undefined || (protocol !== 'tcp' && protocol !== 'udp')) {
    const message = `'${printable(portText)}' is not a port from 1 to 65535 (80, 80/tcp or 53/udp)`;
    problems.push({ place: `command '${command}'`, message });
  }
  if (port === undefined || problems.length > 0) return { ok: false, problems };
  const by = protocol === 'udp' ? 'udp' : 'tcp';
  return { ok: true, value: { what: command, options, consumer, port, protocol: by } };
}

function strayWord(command: AskingCommand, word: string): Problem {
  const near = suggestion(word, Object.keys(OPERANDS));
  return { place: `command '${command}'`, message: `'${printable(word)}' is one word too many${near}` };
}
