/** What carries the traffic, in the order of the table's columns. */
export const CARRIERS = ['embassy', 'other', 'kernel', 'haproxy', 'nginx', 'direct', 'bare'] as const;

export type CarrierName = (typeof CARRIERS)[number];

/** The benches, in the order they run. */
export const BENCHES = ['relay', 'requests', 'connections', 'memory', 'lookup'] as const;

export type BenchName = (typeof BENCHES)[number];

/** A bound, and the value it has. */
export interface Bound {
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

/** What a figure of embassy is held against. */
export type Target =
  /** A quotient: embassy's figure by HAProxy's of the same round. */
  | ({ readonly kind: 'ratio' } & Bound)
  /** The figure itself. */
  | ({ readonly kind: 'absolute' } & Bound)
  | { readonly kind: 'none' };

/** One row of the table: its name, its unit, and what it is held against. */
export interface Figure {
  readonly bench: BenchName;
  readonly title: string;
  readonly unit: string;
  /** For userspace. */
  readonly target: Target;
  /** For the kernel's data plane, by the direct connection's figure and by HAProxy's of the same round. */
  readonly kernel: { readonly direct?: Bound; readonly haproxy?: Bound };
}

const NONE: Target = { kind: 'none' };
const AS_DIRECT = { direct: atLeast(0.97), haproxy: atLeast(1.8) };

/** All figures, in the order of the table. */
export const FIGURES = {
  toConsumer: figure('relay', ['endpoint → consumer', 'Gb/s'], ratio(atLeast(1.4)), AS_DIRECT),
  toConsumerCpu: figure('relay', ['… CPU of the machine', 's/GB'], NONE, { direct: atMost(1.2) }),
  toEndpoint: figure('relay', ['consumer → endpoint', 'Gb/s'], ratio(atLeast(1.1)), AS_DIRECT),
  toEndpointCpu: figure('relay', ['… CPU of the machine', 's/GB'], NONE, { direct: atMost(1.2) }),
  requests: figure('requests', ['keep-alive requests', '1/s'], ratio(atLeast(1)), AS_DIRECT),
  requestsMedian: figure('requests', ['… half of them within', 'ms'], NONE),
  requestsP99: figure('requests', ['… 99 % of them within', 'ms'], ratio(atMost(2))),
  connections: figure('connections', ['new connections', '1/s'], ratio(atLeast(0.7)), {
    direct: atLeast(0.95),
  }),
  connectionsCpu: figure('connections', ['… CPU of the machine for each', 'µs'], NONE),
  idleMemory: figure('memory', ['memory of an idle connection', 'KB'], { kind: 'absolute', ...atMost(24) }),
  lookup: figure('lookup', ['original destination', 'µs'], { kind: 'absolute', ...atMost(3) }),
} as const satisfies Readonly<Record<string, Figure>>;

export type FigureName = keyof typeof FIGURES;

/** What one round of one carrier told: the figures of its bench. */
export type Readings = Partial<Readonly<Record<FigureName, number>>>;

function figure(
  bench: BenchName,
  [title, unit]: readonly [string, string],
  target: Target,
  kernel: Figure['kernel'] = {},
): Figure {
  return { bench, title, unit, target, kernel };
}

function ratio(bound: Bound): Target {
  return { kind: 'ratio', ...bound };
}

function atLeast(value: number): Bound {
  return { bound: 'at least', value };
}

function atMost(value: number): Bound {
  return { bound: 'at most', value };
}
