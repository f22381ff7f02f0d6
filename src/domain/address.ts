import ipaddr from 'ipaddr.js';

/** The lowest and highest TCP/UDP port; 0 means "any" to the kernel and is never an address. */
const PORT_MIN = 1;
const PORT_MAX = 65_535;

/** An IPv4 or IPv6 address in its one canonical spelling, e.g. `172.17.0.1` or `fd00::1`. */
export type IpAddress = string & { readonly __brand: 'IpAddress' };

/** A host name in lower case, without a trailing dot, e.g. `db-1.example.net`; never an address. */
export type HostName = string & { readonly __brand: 'HostName' };

/** A TCP or UDP port, 1–65535. */
export type Port = number & { readonly __brand: 'Port' };

/** An address and a port; the remote or local side of a connection. */
export interface SocketAddress {
  readonly address: IpAddress;
  readonly port: Port;
}

export type Protocol = 'tcp' | 'udp';

export type AddressFamily = 4 | 6;

const UNSPECIFIED = { 4: '0.0.0.0' as IpAddress, 6: '::' as IpAddress } as const;

/**
 * Reads an IPv4 or IPv6 address. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is that IPv4 address,
 * because a dual-stack listener reports IPv4 peers so and a binding must match them.
 *
 * @param text - Four decimal parts or RFC 4291 text; no brackets, zone, prefix length or surrounding space.
 * @returns The canonical spelling (RFC 5952 for IPv6), or undefined if and only if it is not such an address.
 *
 * Pure. Octal, hexadecimal and short IPv4 forms are refused: two readers would disagree on them.
 *
 * @see RFC 5952; RFC 6943 section 3.1.1 on the ambiguity of loose IPv4 forms.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString() as IpAddress;
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const embedded = text.slice(text.lastIndexOf(':') + 1);
  if (embedded.includes('.') && !ipaddr.IPv4.isValidFourPartDecimal(embedded)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  const canonical = parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : parsed.toRFC5952String();
  return canonical as IpAddress;
}

/** The longest host name and label in characters. See RFC 1035, section 2.3.4. */
const HOST_NAME_LENGTH_MAX = 253;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Reads a host name as it stands in data: labels of letters, digits, `-` and `_`, divided by dots; a trailing
 * dot is dropped.
 *
 * @returns The name, or undefined if and only if it is none. A last label of digits only is none: such a text
 *   is an address that somebody mistyped (`10.0.0.256`).
 *
 * Pure.
 *
 * @see RFC 1123 section 2.1; WHATWG URL on hosts that end in a number. `_` is no letter of host names, but
 *   the names of services in container networks have it.
 */
export function parseHostName(text: string): HostName | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  if (name.length > HOST_NAME_LENGTH_MAX || !labels.every((label) => LABEL.test(label))) return undefined;
  return /^\d+$/.test(labels.at(-1) ?? '') ? undefined : (name as HostName);
}

/**
 * Reads a port.
 *
 * @param text - Decimal digits without sign, space or leading zero; a number is taken as is.
 * @returns The port, or undefined if and only if it is not a whole number from 1 to 65535.
 *
 * Pure.
 */
export function parsePort(text: string | number): Port | undefined {
  if (typeof text === 'string' && !/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isInteger(value) && value >= PORT_MIN && value <= PORT_MAX ? (value as Port) : undefined;
}

/** Reads an address or a host name, as data names a host; undefined if and only if it is neither. Pure. */
export function parseHost(text: string): IpAddress | HostName | undefined {
  return parseIpAddress(text) ?? parseHostName(text);
}

/** The family of a canonical address. Pure. */
export function familyOf(address: IpAddress): AddressFamily {
  return address.includes(':') ? 6 : 4;
}

/** Whether a host is given by its address. Pure; a {@link HostName} never looks like one. */
export function isIpAddress(host: IpAddress | HostName): host is IpAddress {
  return host.includes(':') || /^[\d.]+$/.test(host);
}

/** Whether an address is of the loopback range (127.0.0.0/8 or ::1). Pure. */
export function isLoopback(address: IpAddress): boolean {
  return address === '::1' || address.startsWith('127.');
}

/**
 * Whether an address is of one link only (169.254.0.0/16, fe80::/10), so that it cannot be dialled by itself.
 * Pure.
 */
export function isLinkLocal(address: IpAddress): boolean {
  return /^(?:fe[89ab]|169\.254\.)/.test(address);
}

/** Whether an address stands for all addresses of its family (0.0.0.0 or ::). Pure. */
export function isUnspecified(address: IpAddress): boolean {
  return address === UNSPECIFIED[4] || address === UNSPECIFIED[6];
}

/** The address that stands for all of a family, to listen at. Pure. */
export function unspecified(family: AddressFamily): IpAddress {
  return UNSPECIFIED[family];
}

/**
 * Whether an interface can have an address and others can dial it: it is not unspecified, loopback,
 * multicast (224.0.0.0/4, ff00::/8), broadcast, of `0.0.0.0/8`, or an IPv6 one of one link only. Pure.
 */
export function isUnicast(address: IpAddress): boolean {
  if (isUnspecified(address) || isLoopback(address)) return false;
  if (familyOf(address) === 6) return !address.startsWith('ff') && !isLinkLocal(address);
  return !/^(?:0|22[4-9]|23[0-9])\.|^255\.255\.255\.255$/.test(address);
}

/** Writes `10.0.0.1:80`, `[fd00::1]:80` or `db-1:80`. Pure; {@link parseHostAndPort} reads it back. */
export function formatSocketAddress(at: {
  readonly address: IpAddress | HostName;
  readonly port: Port;
}): string {
  return at.address.includes(':') ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`;
}

/**
 * Reads `10.0.0.1:80`, `[fd00::1]:80` or `db-1:80`.
 *
 * @param text - A host, a colon and a port; an IPv6 address stands in brackets.
 * @returns The pair, or undefined if and only if either part is not valid.
 *
 * Pure.
 */
export function parseHostAndPort(
  text: string,
): { readonly address: IpAddress | HostName; readonly port: Port } | undefined {
  const bracketed = /^\[([^\]]*)\]:([^:]*)$/.exec(text);
  const plain = /^([^:[\]]*):([^:]*)$/.exec(text);
  const match = bracketed ?? plain;
  if (match === null) return undefined;
  const address = parseHost(match[1] ?? '');
  const port = parsePort(match[2] ?? '');
  if (address === undefined || port === undefined) return undefined;
  if (bracketed !== null && !(match[1] ?? '').includes(':')) return undefined;
  return { address, port };
}

/** Reads `10.0.0.1:80` or `[fd00::1]:80`; undefined if and only if it is no address and port. Pure. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const at = parseHostAndPort(text);
  if (at === undefined) return undefined;
  const { address, port } = at;
  return isIpAddress(address) ? { address, port } : undefined;
}
