import { isUnicast, isUnspecified, parseIpAddress, parsePort } from '../domain/address.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { printable } from '../domain/printable.ts';
import { suggestion } from './nearest-name.ts';
import type { IpAddress, Port } from '../domain/address.ts';

/** Where `--listen` listens when it names no address: reachable from this host alone. */
const LISTEN_DEFAULT = '127.0.0.1' as IpAddress;

/** The largest offset that leaves a port to listen at for at least one bound port. */
const LISTEN_OFFSET_MAX = 65_534;

/** All bits of a mark. */
const MARK_MAX = 0xffff_ffff;

/** What is wrong with a value; `column` is 1-based within it. */
export interface Fault {
  readonly message: string;
  readonly column?: number;
}

/** The answer of a value's reader: the value, or everything that is wrong with it. */
export type Reading<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly faults: readonly Fault[] };

/** How the values of an option are written and read. */
export interface ValueKind<T> {
  /**
   * `required`: `--name=value` or `--name value`; `optional`: `--name` or `--name=value`; `switch`: `--name`
   * or `--name=true|false`.
   */
  readonly arity: 'required' | 'optional' | 'switch';
  /** What stands for the value in help, e.g. `PORT`. */
  readonly metavar: string;
  /** Every value there is, for completion; absent where they cannot be listed. */
  readonly choices?: readonly string[];
  /** What a value is in a config file, as JSON Schema; a text where absent. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** Reads one value. Pure. */
  read(text: string): Reading<T>;
}

/** Where `--listen` listens: binding 80 at port 80 + `offset` of `address`. */
export interface ListenAddress {
  readonly address: IpAddress;
  readonly offset: number;
}

/** Where the admin API listens over TCP. */
export interface AdminListen {
  readonly address: IpAddress;
  readonly port: Port;
}

/** A path, or `off` for none. */
export function pathOrOff(): ValueKind<string | undefined> {
  return {
    arity: 'required',
    metavar: 'PATH',
    read: (written) => (written === 'off' ? right(undefined) : right(written)),
  };
}

/** `ADDRESS:PORT` (an IPv6 address in brackets), or `off` for none. */
export function addressAndPortOrOff(): ValueKind<AdminListen | undefined> {
  return {
    arity: 'required',
    metavar: 'ADDR:PORT',
    read(written) {
      if (written === 'off') return right(undefined);
      const colon = written.lastIndexOf(':');
      const address = parseIpAddress(written.slice(0, Math.max(0, colon)).replace(/^\[(.*)\]$/, '$1'));
      const port = parsePort(written.slice(colon + 1));
      if (address !== undefined && port !== undefined) return right({ address, port });
      return wrong(written, 'not ADDRESS:PORT, such as 127.0.0.1:9998, nor off');
    },
  };
}

/** Any text. */
export function text(metavar: string): ValueKind<string> {
  return { arity: 'required', metavar, read: (written) => ({ ok: true, value: written }) };
}

/** A text that a pattern describes; `rule` says so in words ("letters, digits and _"). */
export function pattern(metavar: string, expression: RegExp, rule: string): ValueKind<string> {
  return {
    arity: 'required',
    metavar,
    read: (written) => (expression.test(written) ? right(written) : wrong(written, `not ${rule}`)),
  };
}

/** One of several words. */
export function choice<const T extends string>(metavar: string, values: readonly T[]): ValueKind<T> {
  return {
    arity: 'required',
    metavar,
    choices: values,
    read(written) {
      const value = values.find((candidate) => candidate === written);
      if (value !== undefined) return right(value);
      return wrong(written, `not one of ${values.join(', ')}${suggestion(written, values)}`);
    },
  };
}

/** A whole number within bounds. */
export function integer(
  metavar: string,
  bounds: { readonly min: number; readonly max: number },
): ValueKind<number> {
  const { min, max } = bounds;
  const rule = `not a whole number from ${min} to ${max}`;
  return {
    arity: 'required',
    metavar,
    schema: { type: 'integer', minimum: min, maximum: max },
    read(written) {
      const value = /^[0-9]{1,15}$/.test(written) ? Number(written) : Number.NaN;
      return value >= min && value <= max ? right(value) : wrong(written, rule);
    },
  };
}

/** Bits of a mark of 32, one of them at least; as in YAML, `0x4000000` and `67108864` are the same. */
export function markBits(): ValueKind<number> {
  return {
    arity: 'required',
    metavar: 'BITS',
    schema: { type: 'integer', minimum: 1, maximum: MARK_MAX },
    read(written) {
      const bits = /^(?:0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(written) ? Number(written) : 0;
      const isMark = bits > 0 && bits <= MARK_MAX;
      return isMark ? right(bits) : wrong(written, 'no bits of a mark, such as 0x4000000');
    },
  };
}

/** A duration within bounds; the value is in milliseconds. */
export function duration(bounds: { readonly minMs: number; readonly maxMs: number }): ValueKind<number> {
  const { minMs, maxMs } = bounds;
  return {
    arity: 'required',
    metavar: 'TIME',
    schema: {
      anyOf: [
        { type: 'integer', minimum: 0 },
        { type: 'string', pattern: '^[0-9]+(ms|s|m|h)?$' },
      ],
    },
    read(written) {
      const value = parseDuration(written);
      if (value !== undefined && value >= minMs && value <= maxMs) return right(value);
      const range = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
      return wrong(written, `not a time ${range} (write 120, 500ms, 2s or 1m)`);
    },
  };
}

/**
 * On or off.
 *
 * @see Go, strconv.ParseBool, whose spellings the original understood.
 */
export function toggle(): ValueKind<boolean> {
  return {
    arity: 'switch',
    metavar: '',
    schema: { type: 'boolean' },
    read(written) {
      if (['true', 't', '1'].includes(written.toLowerCase())) return right(true);
      if (['false', 'f', '0'].includes(written.toLowerCase())) return right(false);
      return wrong(written, 'neither true nor false');
    },
  };
}

/** A TCP port. */
export function portNumber(): ValueKind<Port> {
  return {
    arity: 'required',
    metavar: 'PORT',
    schema: { type: 'integer', minimum: 1, maximum: 65_535 },
    read(written) {
      const value = parsePort(written);
      return value === undefined ? wrong(written, 'not a port from 1 to 65535') : right(value);
    },
  };
}

/** An address that a consumer can dial: of either family, not "any". */
export function dialledAddress(): ValueKind<IpAddress> {
  return {
    arity: 'required',
    metavar: 'ADDR',
    read(written) {
      const value = parseIpAddress(written);
      if (value === undefined) return wrong(written, 'not an IPv4 or IPv6 address');
      if (isUnicast(value)) return right(value);
      return wrong(written, 'not an address that an interface can have and a container can dial');
    },
  };
}

/** The address of a consumer, or `*` for whoever arrives. */
export function consumerAddress(): ValueKind<IpAddress | '*'> {
  return {
    arity: 'required',
    metavar: 'ADDR',
    read(written) {
      if (written === '*') return right(written);
      const value = parseIpAddress(written);
      if (value === undefined || isUnspecified(value)) return wrong(written, "neither an address nor '*'");
      return right(value);
    },
  };
}

/** `ADDR[+OFFSET]`; nothing and `true` mean the default address, `false` turns it off. */
export function listenAddress(): ValueKind<ListenAddress | undefined> {
  return {
    arity: 'optional',
    metavar: 'ADDR[+OFFSET]',
    schema: { type: ['string', 'boolean'] },
    read(written) {
      if (written === 'false') return right(undefined);
      const [, addressText = '', offsetText] = /^([^+]*)(?:\+(.*))?$/s.exec(written) ?? [];
      const bare = addressText.replace(/^\[([^\]]*:[^\]]*)\]$/, '$1');
      const address = bare === '' || bare === 'true' ? LISTEN_DEFAULT : parseIpAddress(bare);
      const offset = /^[0-9]{1,5}$/.test(offsetText ?? '0') ? Number(offsetText ?? 0) : Number.NaN;
      if (address === undefined) {
        return wrong(written, 'not ADDR or ADDR+OFFSET (127.0.0.1, 127.0.0.1+8000)');
      }
      if (!(offset <= LISTEN_OFFSET_MAX)) {
        return wrong(written, `not ADDR+OFFSET with an offset from 0 to ${LISTEN_OFFSET_MAX}`);
      }
      return right({ address, offset });
    },
  };
}

function right<T>(value: T): Reading<T> {
  return { ok: true, value };
}

function wrong(written: string, what: string): { readonly ok: false; readonly faults: readonly Fault[] } {
  return { ok: false, faults: [{ message: `'${printable(written)}' is ${what}` }] };
}
