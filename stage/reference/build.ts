import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatConfigSchema } from './format-config-schema.ts';
import { formatManual } from './format-manual.ts';
import { formatMetricsPage } from './format-metrics-page.ts';
import { formatOptionsPage } from './format-options-page.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
};

for (const [file, text] of [
  ['docs/metrics.md', formatMetricsPage()],
  ['docs/options.md', formatOptionsPage()],
  ['stage/embassy.schema.json', formatConfigSchema()],
  ['stage/embassy.1', formatManual(manifest.version)],
] as const) {
  writeFileSync(path.join(ROOT, file), text);
  process.stdout.write(`${file}\n`);
}
