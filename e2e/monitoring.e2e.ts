import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CHECKOUT } from './support/checkout.ts';
import { runCommand } from './support/command.ts';
import { ensureUnpacked } from './support/debian-packages.ts';
import { environment } from './support/environment.ts';
import { LoadEndpoint, visit } from './support/load.ts';
import { LocalEmbassy } from './support/local-embassy.ts';
import { printProgress } from './support/progress.ts';

const ALERTS = path.join(CHECKOUT, 'stage/monitoring/alerts.yaml');
const ALERT_TESTS = path.join(CHECKOUT, 'stage/monitoring/alerts.test.yaml');
const DASHBOARD = path.join(CHECKOUT, 'stage/monitoring/dashboard.json');

const OFFSET = 18_700;
const ADMIN = '127.0.0.1:18799';
const ENDPOINT = { address: '127.0.2.77', port: 18_080 };

const PREPARE_TIMEOUT_MS = 600_000;

describe('what Prometheus makes of embassy', () => {
  let promtool: string;

  before(async function () {
    this.timeout(PREPARE_TIMEOUT_MS);
    promtool = await ensureUnpacked('prometheus', 'usr/bin/promtool', printProgress);
  });

  it('takes the alert rules, and they speak and are silent when they should', async () => {
    await runCommand([promtool, 'check', 'rules', ALERTS]);
    await runCommand([promtool, 'test', 'rules', ALERT_TESTS]);
  });

  it('would see an alert rule that speaks too late', async () => {
    const directory = environment().runDirectory;
    const late = (await readFile(ALERTS, 'utf8')).replace('for: 3m', 'for: 3h');
    await writeFile(path.join(directory, 'alerts.yaml'), late);
    const tests = path.join(directory, 'alerts.test.yaml');
    await writeFile(tests, await readFile(ALERT_TESTS, 'utf8'));
    await assert.rejects(runCommand([promtool, 'test', 'rules', tests]), /EmbassyNotReady/u);
  });

  it('takes every question of the dashboard', async () => {
    const panels = (JSON.parse(await readFile(DASHBOARD, 'utf8')) as Dashboard).panels;
    const questions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    assert(questions.length > 20);
    const rules = questions.map((expr, at) => ({
      record: `question_${at}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }));
    const file = path.join(environment().runDirectory, 'questions.yaml');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    await runCommand([promtool, 'check', 'rules', file]);
  });

  it('finds nothing wrong with the metrics of a daemon that has served', async () => {
    await using stack = new AsyncDisposableStack();
    stack.use(await LoadEndpoint.start(ENDPOINT.address, ENDPOINT.port));
    const endpoints = [`${ENDPOINT.address}:${ENDPOINT.port}`];
    stack.use(await LocalEmbassy.start({ endpoints, offset: OFFSET, extra: [`--admin-listen=${ADMIN}`] }));
    await visit(80 + OFFSET, 'whole', 1);
    const answer = await fetch(`http://${ADMIN}/metrics`);
    const text = await answer.text();
    assert.match(text, /^embassy_connections_accepted_total 1$/mu);
    const checked = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.deepEqual(ownComplaints(checked.stdout + checked.stderr), []);
  });
});

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}

/** What promtool says of our metrics; those of Node have the names that prom-client gave them. */
function ownComplaints(said: string): readonly string[] {
  return said.split('\n').filter((line) => line.startsWith('embassy_') || line.startsWith('error'));
}
