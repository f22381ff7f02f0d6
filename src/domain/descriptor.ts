import { parsePort } from './address.ts';
import { readKeys } from './descriptor-keys.ts';
import { formatHealthCheck } from './health-check.ts';
import { parseServiceName, wildcardOffset } from './service-name.ts';
import type { Port, Protocol } from './address.ts';
import type { DescriptorFault as Fault, DescriptorText, KeyValues } from './descriptor-keys.ts';
import type { DiscoveryChoice } from './discovery-choice.ts';
import type { Problem } from './result.ts';
import type { ServiceName } from './service-name.ts';

/** Bounds what one variable can make us read; a real descriptor has less than 200 characters. */
const DESCRIPTOR_LENGTH_MAX = 4096;

/** The parsed request text `NAME[tags];PORT…` [C1]. */
export interface Descriptor extends KeyValues {
  readonly service: ServiceName;
  /** Sorted and distinct; an endpoint must have every one of them. */
  readonly tags: readonly string[];
  readonly port: Port;
  readonly protocol: Protocol;
}

/** What the chosen discoveries and proxier can serve; what they cannot is a problem at its column. */
export interface DescriptorRules {
  /** All there are, in order. */
  readonly discoveries: readonly DiscoveryChoice[];
  /** Whether the kernel carries: `/udp` and `source=keep` need it. */
  readonly udp: boolean;
}

/**
 * The answer of {@link parseDescriptor}. A descriptor that can be honoured may still have problems: an
 * unknown key is reported and ignored, because bad input never stops good input.
 */
export type ParsedDescriptor =
  | { readonly ok: true; readonly value: Descriptor; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads one descriptor [C1]: `service[tag,tag];port[/tcp|/udp][;key=value]…`.
 *
 * @param text - The value of a variable or label; surrounding white space is ignored.
 * @param place - Where it stands, for the problems ("container web-1, variable BACKEND_DB").
 * @param rules - What discovery and proxier can serve.
 * @param offset - Added to every column, when the text is a part of a longer one.
 * @returns The descriptor with the problems that did not stop it, or all problems that did.
 *
 * Pure. {@link formatDescriptor} is its inverse.
 */
export function parseDescriptor(
  text: string,
  place: string,
  rules: DescriptorRules,
  offset = 0,
): ParsedDescriptor {
  if (text.length > DESCRIPTOR_LENGTH_MAX) {
    const message = `longer than ${DESCRIPTOR_LENGTH_MAX} characters`;
    return { ok: false, problems: [{ place, column: offset + 1, message }] };
  }
  const trimmed = text.trim();
  const start = offset + text.indexOf(trimmed);
  const problemsOf = (faults: readonly Fault[]): Problem[] =>
    faults.map((fault) => ({ place, column: start + fault.offset + 1, message: fault.message }));

  const head = readHead(trimmed);
  const [portField, ...keyFields] = splitFields(trimmed, head.end);
  const port = portField === undefined ? missingPort(trimmed, head) : readPort(portField, rules);
  const keys = readKeys(keyFields, rules.discoveries);
  const service = readService(head.service, rules, keys.value.from);

  const fatal = problemsOf([...service.faults, ...head.faults, ...port.faults, ...keys.fatal]);
  const unkept = rules.udp || keys.value.source === undefined ? [] : unkeptSource(keyFields);
  const ignored = problemsOf([...keys.ignored, ...unsent(keyFields, port.value?.protocol), ...unkept]);
  if (fatal.length > 0 || service.value === undefined || port.value === undefined) {
    return { ok: false, problems: [...fatal, ...ignored] };
  }
  const tags = [...new Set(head.tags)].sort();
  return {
    ok: true,
    value: {
      service: service.value,
      tags,
      ...port.value,
      ...keys.value,
      proxyProtocol: port.value.protocol === 'tcp' ? keys.value.proxyProtocol : undefined,
      source: rules.udp ? keys.value.source : undefined,
    },
    problems: ignored,
  };
}

/** Writes a descriptor in its canonical form, e.g. `/prod/redis[master];6379;balance=round-robin`. Pure. */
export function formatDescriptor(descriptor: Descriptor): string {
  const tags = descriptor.tags.length === 0 ? '' : `[${descriptor.tags.join(',')}]`;
  const protocol = descriptor.protocol === 'udp' ? '/udp' : '';
  return `${descriptor.service}${tags};${descriptor.port}${protocol}${formatKeys(descriptor)}`;
}

/** The keys that are chosen, in the order of their names. */
function formatKeys({ balance, check, from, proxier, proxyProtocol, source }: KeyValues): string {
  const checkText = check && formatHealthCheck(check);
  const written = { balance, check: checkText, from, proxier, 'proxy-protocol': proxyProtocol, source };
  const chosen = Object.entries(written).filter(([, value]) => value !== undefined);
  return chosen.map(([key, value]) => `;${key}=${value ?? ''}`).join('');
}

/**
 * Splits a list of descriptors (`-services`) at its commas; a comma within brackets separates tags instead.
 *
 * @returns The parts in order, empty ones left out, each with its offset in `text`.
 *
 * Pure.
 */
export function splitDescriptors(text: string): readonly DescriptorText[] {
  const parts: DescriptorText[] = [];
  let start = 0;
  let isInside = false;
  for (let i = 0; i <= text.length; i += 1) {
    const character = text[i];
    if (character === '[') isInside = isClosed(text, i);
    else if (character === ']') isInside = false;
    if (i < text.length && (character !== ',' || isInside)) continue;
    const part = text.slice(start, i);
    if (part.trim() !== '') parts.push({ text: part, offset: start });
    start = i + 1;
  }
  return parts;
}

/**
 * Whether a bracket is closed before the next one opens; one that is not must not swallow the descriptors
 * behind it.
 */
function isClosed(text: string, open: number): boolean {
  const close = text.indexOf(']', open + 1);
  const next = text.indexOf('[', open + 1);
  return close >= 0 && (next < 0 || close < next);
}

/** What was read of a part; undefined when it cannot be used. */
interface Read<T> {
  readonly value: T;
  readonly faults: readonly Fault[];
}

/** The service name and tags of a descriptor, and the offset just behind them. */
interface Head {
  readonly service: string;
  readonly tags: readonly string[];
  readonly faults: readonly Fault[];
  readonly end: number;
}

function readHead(text: string): Head {
  const semicolon = text.indexOf(';');
  const bracket = text.indexOf('[');
  if (bracket < 0 || (semicolon >= 0 && semicolon < bracket)) {
    const end = semicolon < 0 ? text.length : semicolon;
    return { service: text.slice(0, end), tags: [], faults: [], end };
  }
  const service = text.slice(0, bracket);
  const close = text.indexOf(']', bracket);
  if (close < 0) {
    const faults = [{ offset: bracket, message: "'[' has no closing ']'" }];
    return { service, tags: [], faults, end: text.length };
  }
  const faults: Fault[] = [];
  const tags: string[] = [];
  const inside = text.slice(bracket + 1, close);
  let offset = bracket + 1;
  for (const raw of inside === '' ? [] : inside.split(',')) {
    const tag = raw.trim();
    if (tag === '') faults.push({ offset, message: 'a tag is empty' });
    else if (/[[\]\p{Cc}]/u.test(tag)) faults.push({ offset, message: `'${tag}' is not a tag` });
    else tags.push(tag);
    offset += raw.length + 1;
  }
  let end = close + 1;
  if (end < text.length && text[end] !== ';') {
    faults.push({ offset: end, message: "';' and a port must follow the tags" });
    const next = text.indexOf(';', end);
    end = next < 0 ? text.length : next;
  }
  return { service, tags, faults, end };
}

function readService(
  text: string,
  rules: DescriptorRules,
  from: string | undefined,
): Read<ServiceName | undefined> {
  const service = parseServiceName(text);
  if (!service.ok) return { value: undefined, faults: service.faults };
  const wildcard = wildcardOffset(service.value);
  const asked = rules.discoveries.filter(({ name }) => from === undefined || name === from);
  if (wildcard === undefined || asked.some(({ wildcards }) => wildcards)) {
    return { value: service.value, faults: [] };
  }
  return { value: undefined, faults: [{ offset: wildcard, message: "'*' is understood by etcd only" }] };
}

/** The port that is not there; an unclosed bracket has swallowed it, and is fault enough. */
function missingPort(text: string, head: Head): Read<undefined> {
  const fault = { offset: text.length, message: "';' and a port must follow the service name" };
  return { value: undefined, faults: head.faults.length === 0 ? [fault] : [] };
}

function readPort(
  field: DescriptorText,
  rules: DescriptorRules,
): Read<Pick<Descriptor, 'port' | 'protocol'> | undefined> {
  const faults: Fault[] = [];
  const slash = field.text.indexOf('/');
  const digits = slash < 0 ? field.text : field.text.slice(0, slash);
  const suffix = slash < 0 ? 'tcp' : field.text.slice(slash + 1);
  const port = parsePort(digits);
  if (port === undefined) {
    faults.push({ offset: field.offset, message: `'${digits}' is not a port from 1 to 65535` });
  }
  const offset = field.offset + slash;
  if (suffix === 'udp' && !rules.udp) {
    faults.push({ offset, message: 'udp is not supported by this proxier' });
  } else if (suffix !== 'tcp' && suffix !== 'udp') {
    faults.push({ offset, message: `'/${suffix}' is not a protocol (/tcp and /udp are)` });
  }
  const protocol: Protocol = suffix === 'udp' ? 'udp' : 'tcp';
  return { value: port === undefined ? undefined : { port, protocol }, faults };
}

/** A datagram has no beginning of a connection for the header to stand in. */
function unsent(fields: readonly DescriptorText[], protocol: Protocol | undefined): readonly Fault[] {
  const field =
    protocol === 'udp' ? fields.find(({ text }) => text.startsWith('proxy-protocol=')) : undefined;
  return field === undefined
    ? []
    : [{ offset: field.offset, message: "'proxy-protocol' is for tcp; ignored" }];
}

/** Userspace dials from an address of its own. */
function unkeptSource(fields: readonly DescriptorText[]): readonly Fault[] {
  const field = fields.find(({ text }) => text.startsWith('source='));
  const message = "'source=keep' needs the kernel as data plane (--dnat, --proxier=nftables); ignored";
  return field === undefined ? [] : [{ offset: field.offset, message }];
}

/** The fields behind the head, without their semicolons; `end` is the offset of the first semicolon. */
function splitFields(text: string, end: number): readonly DescriptorText[] {
  const fields: DescriptorText[] = [];
  let offset = end + 1;
  if (end >= text.length) return fields;
  for (const part of text.slice(end + 1).split(';')) {
    fields.push({ text: part, offset });
    offset += part.length + 1;
  }
  return fields;
}
