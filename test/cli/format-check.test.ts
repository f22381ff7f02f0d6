import assert from 'node:assert/strict';
import { formatCheck } from '../../src/cli/format-check.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { consumerId } from '../../src/domain/consumer.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import type { CheckedBinding, CheckedService } from '../../src/cli/format-check.ts';
import type { IpAddress, Port } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

function checked(name: string, address: string, text: string, service: CheckedService): CheckedBinding {
  const parsed = parseDescriptor(text, 'test', {
    discoveries: [{ name: 'etcd', wildcards: true }],
    udp: true,
  });
  assert.ok(parsed.ok);
  const { port, protocol } = parsed.value;
  const binding = {
    id: bindingId(address as IpAddress, protocol, port),
    owner: { consumer: consumerId(name), startedAt: '', endpointId: '' },
    address: address as IpAddress,
    port,
    protocol,
    descriptor: parsed.value,
    consumerName: name,
    place: 'test',
  };
  return { binding, service };
}

function endpoint(address: string, weight = 1): Endpoint {
  const id = endpointId(address);
  return { id, address: address as IpAddress, port: 80 as Port, weight, tags: undefined };
}

describe('formatCheck', () => {
  it('aligns the bindings, counts them and names every problem', () => {
    const text = formatCheck({
      bindings: [
        checked('web-1', '172.17.0.3', '/services/prod/frontend;80', {
          kind: 'known',
          endpoints: [endpoint('10.0.0.1'), endpoint('10.0.0.2', 3)],
        }),
        checked('worker', 'fd00::12', 'db[a,b];5432', { kind: 'known', endpoints: [] }),
        checked('x', '*', 'dns;53/udp', { kind: 'unknown' }),
        checked('x', '10.0.0.9', 'y;1', { kind: 'unreachable', reason: 'ECONNREFUSED' }),
        checked('x', '10.0.0.9', 'z;2', { kind: 'forbidden', reason: 'no rights' }),
      ],
      problems: [{ place: 'container bad, variable BACKEND_X', column: 5, message: "'0' is not a port" }],
    });
    assert.equal(
      text,
      [
        'CONSUMER  ADDRESS     PORT      SERVICE                  ENDPOINTS',
        'web-1     172.17.0.3  80/tcp    /services/prod/frontend  10.0.0.1:80, 10.0.0.2:80 (weight 3)',
        'worker    fd00::12    5432/tcp  db[a,b]                  none, so connections are refused',
        'any       *           53/udp    dns                      unknown, no answer yet',
        'x         10.0.0.9    1/tcp     y                        unknown, cannot be asked: ECONNREFUSED',
        'x         10.0.0.9    2/tcp     z                        unknown, not allowed to ask: no rights',
        '',
        '5 bindings, 1 with endpoints. Nothing was changed.',
        '',
        '1 problem:',
        "  container bad, variable BACKEND_X, column 5: '0' is not a port",
        '',
      ].join('\n'),
    );
  });

  it('says what to do when nothing would be bound', () => {
    assert.equal(
      formatCheck({ bindings: [], problems: [] }),
      "Nothing would be bound. Start a container with -e BACKEND_NAME='SERVICE;PORT', or give -services.\n",
    );
  });

  it('gives no advice when something is wrong: that may be why nothing would be bound', () => {
    assert.equal(
      formatCheck({ bindings: [], problems: [{ place: 'docker', message: 'cannot be asked: x' }] }),
      'Nothing would be bound, as far as can be told: see what is wrong.\n\n' +
        '1 problem:\n  docker: cannot be asked: x\n',
    );
  });

  it('counts the endpoints it does not name', () => {
    const endpoints = [1, 2, 3, 4, 5, 6].map((last) => endpoint(`10.0.0.${last}`));
    const text = formatCheck({
      bindings: [checked('x', '10.0.0.9', 'y;1', { kind: 'known', endpoints })],
      problems: [],
    });
    assert.match(text, /10\.0\.0\.1:80, 10\.0\.0\.2:80, 10\.0\.0\.3:80, 10\.0\.0\.4:80 and 2 more\n/);
    assert.match(text, /^1 binding, 1 with endpoints\./m);
  });

  it('keeps foreign texts within their lines', () => {
    const text = formatCheck({
      bindings: [checked('a\nb\u001b[2J', '10.0.0.9', 'y;1', { kind: 'unreachable', reason: 'x\r\ny' })],
      problems: [
        { place: 'container a\nb', message: '\u202ebad' },
        { place: 'x', message: 'y' },
      ],
    });
    assert.equal(text.split('\n').length, 9);
    assert.match(text, /^a\\nb\\x1b\[2J /m);
    assert.match(text, /cannot be asked: x\\r\\ny$/m);
    assert.match(text, /^2 problems:\n  container a\\nb: \\u202ebad$/m);
  });
});
