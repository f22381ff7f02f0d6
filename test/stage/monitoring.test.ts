import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { PrometheusMetrics } from '../../src/adapters/metrics/client.ts';

const MONITORING = fileURLToPath(new URL('../../stage/monitoring', import.meta.url));

/** What Prometheus adds to the samples of a histogram. */
const HISTOGRAM_SUFFIX = /_(?:bucket|sum|count)$/;

/** A metric in a query. */
const METRIC = /\b(?:embassy|nodejs|process)_[a-z0-9_]+\b/g;

const GRID_WIDTH = 24;

const Panel = z.object({
  id: z.number(),
  type: z.enum(['row', 'stat', 'timeseries']),
  title: z.string().min(1),
  gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
  datasource: z.object({ uid: z.literal('${datasource}') }).optional(),
  targets: z.array(z.object({ refId: z.string(), expr: z.string().min(1) })).default([]),
});

const Dashboard = z.object({
  uid: z.literal('embassy'),
  schemaVersion: z.number(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
  panels: z.array(Panel).min(10),
});

const Rule = z.object({
  alert: z.string().regex(/^Embassy[A-Z][A-Za-z]+$/),
  expr: z.string(),
  labels: z.object({ severity: z.enum(['info', 'warning', 'critical']) }),
  annotations: z.object({ summary: z.string().min(10), description: z.string().min(10) }),
});

const AlertsFile = z.object({ groups: z.array(z.object({ rules: z.array(Rule) })) });

describe('stage/monitoring/alerts.yaml', () => {
  const rules = AlertsFile.parse(parse(read('alerts.yaml'))).groups.flatMap((group) => group.rules);

  it('asks for metrics that there are', async () => {
    const known = await knownMetrics();
    for (const { alert, expr } of rules) {
      const asked = metricsIn(expr);
      assert(asked.length > 0 || expr.startsWith('up{'), alert);
      assert.deepEqual(
        asked.filter((name) => !known.has(name)),
        [],
        alert,
      );
    }
  });

  it('asks for labels that the metrics have', () => {
    const labels = new Map(new PrometheusMetrics().descriptions.map((each) => [each.name, each.labelNames]));
    const common = new Set(['job', 'instance']);
    for (const { alert, expr } of rules) {
      for (const [, name = '', selector = ''] of expr.matchAll(/\b(embassy_\w+)\{([^}]*)\}/g)) {
        for (const [, label = ''] of selector.matchAll(/(\w+)\s*[=!]/g)) {
          assert(common.has(label) || labels.get(name)?.includes(label), `${alert}: ${label} of ${name}`);
        }
      }
    }
  });

  it('has a test of each rule, which sees it speak', () => {
    const tests = read('alerts.test.yaml');
    for (const { alert } of rules) assert(tests.includes(`alertname="${alert}"`), alert);
  });
});

describe('stage/monitoring/dashboard.json', () => {
  const dashboard = Dashboard.parse(JSON.parse(read('dashboard.json')));

  it('asks for metrics that there are', async () => {
    const known = await knownMetrics();
    for (const { title, type, targets } of dashboard.panels) {
      if (type === 'row') continue;
      const asked = targets.flatMap(({ expr }) => metricsIn(expr));
      assert(asked.length > 0, title);
      assert.deepEqual(
        asked.filter((name) => !known.has(name)),
        [],
        title,
      );
    }
  });

  it('shows every metric of embassy', () => {
    const shown = new Set(
      dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr))),
    );
    // The count of ejections is what the state of the endpoints shows already.
    const left = new Set(['embassy_endpoint_ejections_total']);
    for (const { name } of new PrometheusMetrics().descriptions) {
      assert(shown.has(name) || left.has(name), name);
    }
  });

  it('asks by the variables that it has', () => {
    const variables = new Set(dashboard.templating.list.map(({ name }) => name));
    for (const { targets } of dashboard.panels) {
      for (const [, name = ''] of targets.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)])) {
        assert(variables.has(name) || name === '__rate_interval', name);
      }
    }
  });

  it('has no two panels of one number or in one place, and none beyond the page', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      assert(gridPos.x + gridPos.w <= GRID_WIDTH, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert(!taken.has(`${x} ${y}`), title);
          taken.add(`${x} ${y}`);
        }
      }
    }
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });
});

/** The names a scrape of a daemon answers with, those of the process included. */
async function knownMetrics(): Promise<ReadonlySet<string>> {
  const text = await new PrometheusMetrics().text();
  return new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name));
}

/** The metrics that a query asks for, by the name of their family. */
function metricsIn(expr: string): readonly string[] {
  const histograms = new PrometheusMetrics().descriptions.filter(({ type }) => type === 'histogram');
  const families = new Set(histograms.map(({ name }) => name));
  return (expr.match(METRIC) ?? []).map((name) =>
    families.has(name.replace(HISTOGRAM_SUFFIX, '')) ? name.replace(HISTOGRAM_SUFFIX, '') : name,
  );
}

function read(file: string): string {
  return readFileSync(join(MONITORING, file), 'utf8');
}
