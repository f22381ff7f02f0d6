import { parsePolicy } from '../../src/adapters/access-policy/parse-policy.ts';
import { parseHttpDate } from '../../src/adapters/doctor/parse-http-date.ts';
import { parseInstances } from '../../src/adapters/consul/instance-document.ts';
import { negotiateApiVersion } from '../../src/adapters/docker/api-version.ts';
import {
  parseContainerDocument,
  parseContainerList,
  parseContainerRows,
} from '../../src/adapters/docker/container-document.ts';
import { readEngineEvent } from '../../src/adapters/docker/engine-event.ts';
import { JsonLines } from '../../src/adapters/docker/json-lines.ts';
import { parseNetworks } from '../../src/adapters/docker/network-document.ts';
import { wantsOf } from '../../src/adapters/docker/wants-of.ts';
import { readEvent, readList } from '../../src/adapters/etcd2/etcd2-answer.ts';
import { Etcd2Error } from '../../src/adapters/etcd2/etcd2-client.ts';
import { parseFile } from '../../src/adapters/file/file-document.ts';
import { isInputClosed } from '../../src/adapters/iptables/input-closed.ts';
import { iptablesError } from '../../src/adapters/iptables/iptables-error.ts';
import { NO_RULES, formatTransaction, ownRules } from '../../src/adapters/iptables/rule-set.ts';
import { parseSaved } from '../../src/adapters/iptables/saved-rules.ts';
import { parseApp, parseEvent, parseTasks } from '../../src/adapters/marathon/app-document.ts';
import { viewOf } from '../../src/adapters/marathon/app-view.ts';
import { tellsOfRemoval } from '../../src/adapters/netlink/link-messages.ts';
import { nftablesError } from '../../src/adapters/nftables/nftables-error.ts';
import { listeningSockets } from '../../src/adapters/node/listening-ports.ts';
import { parseState } from '../../src/adapters/state/state-document.ts';
import { parseConfigFile } from '../../src/cli/config-file.ts';
import { parseDiscoveryUrl } from '../../src/cli/discovery-url.ts';
import { parseDockerHost } from '../../src/cli/docker-host.ts';
import { parseDescriptor, splitDescriptors } from '../../src/domain/descriptor.ts';
import { parseDocument } from '../../src/domain/endpoint-document.ts';
import { DOCUMENTS } from '../../src/ports/admin-documents.ts';

/** A parser of something that comes from outside. */
export interface Target {
  /** Also the name of its folder in the corpus. */
  readonly name: string;
  /** Whether its texts are JSON, so that they are changed as values, too. */
  readonly isJson: boolean;
  /** The words its texts are made of. */
  readonly words: readonly string[];
  /** Reads a text, as the daemon would. */
  parse(text: string): unknown;
}

const RULES = { discoveries: [{ name: 'main', wildcards: true }], udp: true };

const SIDE = { member: '127.0.0.1:2379', identity: undefined } as const;

const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  'null',
  '-1',
  '1e999',
  '""',
  '"__proto__":',
  '\\u0000',
];

const YAML_WORDS = [
  '\n',
  '  ',
  '- ',
  ': ',
  '#',
  '&a ',
  '*a',
  '<<: ',
  '? ',
  '|',
  '>',
  '!!js',
  '---\n',
  '{',
  '}',
  '"',
];

/** Texts that a JSON parser refuses never come to who reads the value. */
function read(parse: (value: unknown) => unknown): (text: string) => unknown {
  return (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    return parse(value);
  };
}

/** What of an error is expected: its message. */
function orRefused(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Etcd2Error) return error.message;
    throw error;
  }
}

function json(name: string, parse: (value: unknown) => unknown): Target {
  return { name, isJson: true, words: JSON_WORDS, parse: read(parse) };
}

function answer(text: string): Parameters<typeof readList>[0] {
  return { status: 200, index: '7', contentType: 'application/json', location: undefined, text };
}

/** Every parser that reads what others wrote. */
export const TARGETS: readonly Target[] = [
  {
    name: 'descriptor',
    isJson: false,
    words: [
      '/services/prod',
      '[',
      ']',
      ',',
      ';',
      '80',
      '/tcp',
      '/udp',
      'balance=',
      'check=',
      'http:/',
      '*',
      '%',
    ],
    parse: (text) => [parseDescriptor(text, 'here', RULES), splitDescriptors(text)],
  },
  {
    name: 'endpoint-document',
    isJson: true,
    words: [
      ...JSON_WORDS,
      '10.0.0.1',
      '[fd00::1]',
      ':80',
      '"ipaddress":',
      '"host_port":',
      '"host":',
      '"port":',
    ],
    parse: (text) => parseDocument(text, { key: '/services/a', place: 'here' }),
  },
  {
    name: 'etcd2-list',
    isJson: true,
    words: JSON_WORDS,
    parse: (text) => orRefused(() => readList(answer(text), SIDE)),
  },
  {
    name: 'etcd2-event',
    isJson: true,
    words: JSON_WORDS,
    parse: (text) => orRefused(() => readEvent(answer(text), SIDE)),
  },
  json('consul-instances', parseInstances),
  json('marathon-app', (value) => {
    const app = parseApp(value);
    return app === undefined ? undefined : viewOf(app, 80, { wasAlive: () => false, source: 'marathon' });
  }),
  json('marathon-tasks', parseTasks),
  { name: 'marathon-event', isJson: true, words: JSON_WORDS, parse: parseEvent },
  json('docker-container', (value) => {
    const parsed = parseContainerDocument(value, 'c0ffee');
    return parsed.ok ? wantsOf(parsed.value, { prefix: 'BACKEND_', rules: RULES }) : parsed;
  }),
  json('docker-list', (value) => [parseContainerList(value), parseContainerRows(value)]),
  json('docker-networks', parseNetworks),
  json('docker-version', negotiateApiVersion),
  {
    name: 'docker-events',
    isJson: true,
    words: [...JSON_WORDS, '\n', '\u001e'],
    parse: (text) => new JsonLines().push(`${text}\n`).map(readEngineEvent),
  },
  {
    name: 'endpoints-file',
    isJson: false,
    words: [...YAML_WORDS, 'web', '10.0.0.1:80', 'address', 'port', 'weight', 'tags'],
    parse: (text) => parseFile(text, 'endpoints.yaml'),
  },
  {
    name: 'config-file',
    isJson: false,
    words: [...YAML_WORDS, 'discovery', 'dnat', 'true', 'drain', '5s', 'port'],
    parse: (text) => parseConfigFile(text, 'embassy.yaml'),
  },
  {
    name: 'access-policy',
    isJson: false,
    words: [
      ...YAML_WORDS,
      'rules',
      'containers',
      'services',
      'except',
      'name',
      'label',
      'a=b',
      '/services/*',
    ],
    parse: (text) => parsePolicy(text, 'policy.yaml'),
  },
  {
    name: 'discovery-url',
    isJson: false,
    words: [
      'etcd',
      '+tls',
      '://',
      'file:',
      'a=',
      '@',
      '[',
      ']',
      ':',
      ',',
      '?',
      '&',
      'ca=',
      '%',
      '%41',
      '127.0.0.1',
    ],
    parse: parseDiscoveryUrl,
  },
  {
    name: 'docker-host',
    isJson: false,
    words: ['unix://', 'tcp://', '/', '[', ']', ':', '2375', '127.0.0.1', '::1'],
    parse: parseDockerHost,
  },
  {
    name: 'state-file',
    isJson: true,
    words: JSON_WORDS,
    // Whoever can write the file can write its checksum.
    parse: (text) => parseState(text, () => 'sum'),
  },
  {
    name: 'iptables-save',
    isJson: false,
    words: [
      '*nat',
      '\n',
      ':INPUT ',
      '-A ',
      'EMBASSY',
      '-j ',
      '-g ',
      '"',
      '\\',
      '! ',
      '--dport',
      'COMMIT',
      '[0:0]',
      '#',
    ],
    parse: (text) => {
      const saved = parseSaved(text);
      const own = ownRules(saved);
      return [isInputClosed(saved), formatTransaction(own, NO_RULES)];
    },
  },
  {
    name: 'iptables-stderr',
    isJson: false,
    words: ['Permission denied', 'table `nat', "' is incompatible", '\n', 'xtables lock', 'Try `', 'busy'],
    parse: (stderr) => [
      iptablesError({ kind: 'exit', command: 'iptables', status: 1, stderr }).inWords,
      nftablesError({ kind: 'exit', isListing: false, status: 1, stderr }).inWords,
    ],
  },
  {
    name: 'proc-tcp',
    isJson: false,
    words: ['0: ', '00000000', ':', '0050', ' 0A ', '\n', 'FFFFFFFF', '0000000000000000FFFF00000100007F'],
    parse: listeningSockets,
  },
  {
    name: 'netlink',
    isJson: false,
    words: ['\u0010\u0000\u0000\u0000', '\u0011\u0000', '\u0000', '\u00ff\u00ff\u00ff\u00ff'],
    parse: (text) => tellsOfRemoval(Buffer.from(text, 'latin1')),
  },
  {
    name: 'http-date',
    isJson: false,
    words: ['Sun, ', '06 ', 'Nov ', '1994 ', '08:49:37', ' GMT', '99'],
    parse: parseHttpDate,
  },
  json('admin-answer', (value) =>
    Object.values(DOCUMENTS).map((document) => document.safeParse(value).success),
  ),
];
