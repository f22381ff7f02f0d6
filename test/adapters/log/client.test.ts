import assert from 'node:assert/strict';
import { createLog } from '../../../src/adapters/log/client.ts';
import type { LogClientOptions } from '../../../src/adapters/log/client.ts';
import type { AdjustableLog } from '../../../src/ports/log.ts';

/** An attack: a container whose name carries a line in our name. */
const FOREIGN = 'web\n{"level":"info","msg":"all is well"}\u001b[2K';

function capture(options: Partial<LogClientOptions>): {
  readonly log: AdjustableLog;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const destination = {
    write: (line: string) => {
      lines.push(line);
    },
  };
  const defaults = { debug: false, format: 'auto', terminal: false, colour: true, destination } as const;
  return { log: createLog({ ...defaults, ...options }), lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? '') as Record<string, unknown>;
}

describe('createLog', () => {
  it('writes one JSON object a line where nobody watches', () => {
    const { log, lines } = capture({});
    log.warn('Docker cannot be asked', { reason: 'ECONNREFUSED', attempts: 2, code: undefined });
    assert.equal(lines.length, 1);
    assert.ok(lines[0]?.endsWith('}\n'));
    const { time, ...rest } = parse(lines[0]);
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const msg = 'Docker cannot be asked';
    assert.deepEqual(rest, { level: 'warn', reason: 'ECONNREFUSED', attempts: 2, msg });
  });

  it('writes sentences on a terminal', () => {
    const { log, lines } = capture({ terminal: true, colour: false });
    log.info('bound web-1: port 80/tcp → app', { place: 'variable BACKEND_APP' });
    const line =
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: bound web-1: port 80\/tcp → app \(place: variable BACKEND_APP\)\n$/;
    assert.match(lines.join(''), line);
  });

  it('colours a terminal alone, and not one that wants none', () => {
    const ESCAPE = '\u001b[';
    for (const [terminal, colour, expected] of [
      [true, true, true],
      [true, false, false],
      [false, true, false],
    ] as const) {
      const { log, lines } = capture({ format: 'pretty', terminal, colour });
      log.info('started');
      assert.equal(lines.join('').includes(ESCAPE), expected, `terminal ${terminal}, colour ${colour}`);
    }
  });

  it('writes the format it is told, whoever watches', () => {
    const json = capture({ format: 'json', terminal: true });
    json.log.info('started');
    assert.equal(parse(json.lines[0])['msg'], 'started');
    const pretty = capture({ format: 'pretty', terminal: false });
    pretty.log.info('started');
    assert.match(pretty.lines.join(''), /\] INFO: started\n$/);
  });

  it('writes details only when asked to, and all other levels always', () => {
    for (const [debug, expected] of [
      [false, ['info', 'warn', 'error']],
      [true, ['debug', 'info', 'warn', 'error']],
    ] as const) {
      const { log, lines } = capture({ debug });
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('x');
      assert.deepEqual(
        lines.map((line) => parse(line)['level']),
        expected,
      );
    }
  });

  it('writes details from when it is told to until it is told otherwise', () => {
    const { log, lines } = capture({});
    log.debug('before');
    log.setLevel('debug');
    log.debug('meanwhile');
    log.setLevel('info');
    log.debug('after');
    assert.deepEqual(
      lines.map((line) => parse(line)['msg']),
      ['meanwhile'],
    );
  });

  it('lets nobody write a line in our name', () => {
    for (const format of ['pretty', 'json'] as const) {
      const { log, lines } = capture({ format });
      log.info(`bound ${FOREIGN}`, { name: FOREIGN });
      assert.equal(lines.join('').split('\n').length, 2, format);
      assert.ok(!lines.join('').includes('\u001b'), format);
    }
    const { log, lines } = capture({ format: 'json' });
    log.info(FOREIGN);
    assert.equal(parse(lines[0])['msg'], 'web\\n{"level":"info","msg":"all is well"}\\x1b[2K');
  });

  it('leaves per cent signs and braces of a message as they are', () => {
    const { log, lines } = capture({ format: 'json' });
    log.info('100 %s {x} %o %%', { a: 1 });
    assert.equal(parse(lines[0])['msg'], '100 %s {x} %o %%');
    const pretty = capture({ format: 'pretty' });
    pretty.log.info('100 %s {msg} %%');
    assert.match(pretty.lines.join(''), /INFO: 100 %s \{msg\} %%\n$/);
  });
});
