import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { PrometheusMetrics } from '../../src/adapters/metrics/client.ts';

const ALERTS = path.join(import.meta.dirname, '..', 'monitoring', 'alerts.yaml');

const AlertsFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          for: z.string().default('0m'),
          labels: z.object({ severity: z.string() }),
          annotations: z.object({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});

const HEAD = `# Metrics, alerts and the dashboard

Written by \`npm run reference\` from the metrics and the alert rules themselves.

\`GET /metrics\` of the admin API answers in Prometheus' text format; over TCP at \`--admin-listen\`, which is
loopback unless told otherwise. A Prometheus on the same host needs no more than this:

\`\`\`yaml
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: embassy
    static_configs: [{ targets: ['127.0.0.1:9998'] }]
\`\`\`

From another host: \`--admin-listen\` with that network's address, and \`--admin-token-file\`, whose token
Prometheus sends by \`authorization: { credentials_file: … }\`.

[stage/monitoring](../stage/monitoring) has the alert rules (\`alerts.yaml\`), their tests for
\`promtool test rules\` (\`alerts.test.yaml\`), and a dashboard for Grafana to import (\`dashboard.json\`).

A label \`service\` has at most a thousand values; what is beyond shares \`other\`, and what has none has
\`none\`.
`;

const PROCESS = `Beside these are the usual ones of the process and of Node (\`process_…\`, \`nodejs_…\`), of
which \`nodejs_eventloop_lag_p99_seconds\` tells how late the daemon is in what it does.
`;

/** Writes docs/metrics.md. Reads the alert rules. */
export function formatMetricsPage(): string {
  const metrics = new PrometheusMetrics().descriptions.map(({ name, type, labelNames, help }) => {
    const labels = labelNames.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${labels} | ${help.replace(/\.$/, '')} |`;
  });
  const file = AlertsFile.parse(parse(readFileSync(ALERTS, 'utf8')));
  const alerts = file.groups.flatMap(({ rules }) =>
    rules.map(({ alert, for: lasting, labels, annotations }) => {
      const meaning = `${inWords(annotations.summary)}. ${annotations.description}`;
      return `| \`${alert}\` | ${labels.severity} | ${lasting} | ${meaning} |`;
    }),
  );
  return [
    HEAD,
    '## Metrics',
    '',
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...metrics,
    '',
    PROCESS,
    '## Alerts',
    '',
    '| alert | severity | after | meaning |',
    '|---|---|---|---|',
    ...alerts,
    '',
  ].join('\n');
}

/** A summary with its templates as words: `{{ $labels.service }}` is a service. */
function inWords(summary: string): string {
  const said = summary
    .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) =>
      label === 'instance' ? 'a host' : `a ${label}`,
    )
    .replaceAll(/\{\{ \$value \| humanizePercentage \}\}/g, 'a part')
    .replaceAll(/\{\{ \$value \| humanizeDuration \}\}/g, 'long');
  return said.charAt(0).toUpperCase() + said.slice(1);
}
