/** What carries the traffic, in the order of the table's columns. */
export const CARRIERS = ['embassy', 'other', 'kernel', 'haproxy', 'nginx', 'direct', 'bare'] as const;

export type CarrierName = (typeof CARRIERS)[number];

/** The benches, in the order they run. */
export const BENCHES = ['relay', 'requests', 'connections', 'memory', 'lookup'] as const;

export type BenchName = (typeof BENCHES)[number];

/** What a figure of embassy is held against. */
export type Target =
  /** A quotient: embassy's figure by HAProxy's of the same round. */
  | { readonly kind: 'ratio'; readonly bound: 'at least' | 'at most'; readonly value: number }
  /** The figure itself. */
  | { readonly kind: 'absolute'; readonly bound: 'at least' | 'at most'; readonly value: number }
  | { readonly kind: 'none' };

/** One row of the table: its name, its unit, and what it is held against. */
export interface Figure {
  readonly bench: BenchName;
  readonly title: string;
  readonly unit: string;
  readonly target: Target;
}

/** All figures, in the order of the table. */
export const FIGURES = {
  toConsumer: figure('relay', 'endpoint → consumer', 'Gb/s', atLeast(1.3)),
  toEndpoint: figure('relay', 'consumer → endpoint', 'Gb/s', atLeast(1.1)),
  requests: figure('requests', 'keep-alive requests', '1/s', atLeast(1)),
  requestsMedian: figure('requests', '… half of them within', 'ms', { kind: 'none' }),
  requestsP99: figure('requests', '… 99 % of them within', 'ms', atMost(2)),
  connections: figure('connections', 'new connections', '1/s', atLeast(0.65)),
  idleMemory: figure('memory', 'memory of an idle connection', 'KB', {
    kind: 'absolute',
    bound: 'at most',
    value: 24,
  }),
  lookup: figure('lookup', 'original destination', 'µs', { kind: 'absolute', bound: 'at most', value: 3 }),
} as const satisfies Readonly<Record<string, Figure>>;

export type FigureName = keyof typeof FIGURES;

/** What one round of one carrier told: the figures of its bench. */
export type Readings = Partial<Readonly<Record<FigureName, number>>>;

function figure(bench: BenchName, title: string, unit: string, target: Target): Figure {
  return { bench, title, unit, target };
}

function atLeast(value: number): Target {
  return { kind: 'ratio', bound: 'at least', value };
}

function atMost(value: number): Target {
  return { kind: 'ratio', bound: 'at most', value };
}
