import type { Negatable } from './rule.ts';

/** Thrown by what reads a rule, in iptables' own words; whoever knows the line makes a refusal of it. */
export class BadRule extends Error {
  override readonly name = 'BadRule';
}

/** The values of a match's or target's options by their first names; of one without value, an empty list. */
export type Options = ReadonlyMap<string, Negatable<readonly string[]>>;

/** A rule in its parts: each value still a text. */
export interface RuleWords {
  /** Of -s, -d, -i, -o, -p, by these names. */
  readonly header: ReadonlyMap<string, Negatable<string>>;
  readonly matches: readonly { readonly name: string; readonly options: Options }[];
  readonly target: { readonly name: string; readonly isGoto: boolean; readonly options: Options } | undefined;
}

/** An option: its first name, and how many words follow. */
interface Option {
  readonly name: string;
  readonly words: number;
}

/** The spellings of the options of the rule itself. */
const HEADER: Readonly<Record<string, string>> = {
  '-s': '-s',
  '--source': '-s',
  '--src': '-s',
  '-d': '-d',
  '--destination': '-d',
  '--dst': '-d',
  '-i': '-i',
  '--in-interface': '-i',
  '-o': '-o',
  '--out-interface': '-o',
  '-p': '-p',
  '--protocol': '-p',
  '-m': '-m',
  '--match': '-m',
  '-j': '-j',
  '--jump': '-j',
  '-g': '-g',
  '--goto': '-g',
};

const SOURCE_PORT: Option = { name: '--sport', words: 1 };
const DESTINATION_PORT: Option = { name: '--dport', words: 1 };
const PORTS: Readonly<Record<string, Option>> = {
  '--sport': SOURCE_PORT,
  '--source-port': SOURCE_PORT,
  '--dport': DESTINATION_PORT,
  '--destination-port': DESTINATION_PORT,
};

/** The options of each match this kernel has. */
const MATCHES: Readonly<Record<string, Readonly<Record<string, Option>>>> = {
  tcp: { ...PORTS, '--tcp-flags': { name: '--tcp-flags', words: 2 }, '--syn': { name: '--syn', words: 0 } },
  udp: PORTS,
  icmp: one('--icmp-type'),
  icmp6: one('--icmpv6-type'),
  multiport: {
    ...one('--dports', '--sports', '--ports'),
    '--destination-ports': { name: '--dports', words: 1 },
    '--source-ports': { name: '--sports', words: 1 },
  },
  addrtype: one('--src-type', '--dst-type'),
  conntrack: one('--ctstate', '--ctorigdst', '--ctorigdstport'),
  mark: one('--mark'),
  owner: one('--uid-owner', '--gid-owner'),
  comment: one('--comment'),
  limit: one('--limit', '--limit-burst'),
};

/** The options of each target this kernel has; any other name is a chain's. */
const TARGETS: Readonly<Record<string, Readonly<Record<string, Option>>>> = {
  ACCEPT: {},
  DROP: {},
  RETURN: {},
  MASQUERADE: {},
  DNAT: one('--to-destination'),
  REDIRECT: { ...one('--to-ports'), '--to-port': { name: '--to-ports', words: 1 } },
  REJECT: one('--reject-with'),
  LOG: one('--log-prefix', '--log-level'),
};

/** The match that options of a protocol load by themselves. */
const PROTOCOL_MATCHES: Readonly<Record<string, string>> = {
  tcp: 'tcp',
  udp: 'udp',
  icmp: 'icmp',
  'ipv6-icmp': 'icmp6',
};

/** Whether a target is not a chain. Pure. */
export function isTargetName(name: string): boolean {
  return TARGETS[name] !== undefined;
}

/** Splits a line of iptables-restore into its words; quotes hold one together. Pure. */
export function splitWords(line: string): readonly string[] {
  return (line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map((word) =>
    word.length > 1 && word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word,
  );
}

/**
 * Tells the parts of a rule, as iptables does: an option belongs to the match loaded last that knows it, and
 * one of `-p` loads its match by itself.
 *
 * @param words - What follows the chain, and the number where there is one.
 * @throws {BadRule} In iptables' own words.
 *
 * Pure.
 */
export function readRuleWords(words: readonly string[]): RuleWords {
  const reader = new Reader(words);
  while (!reader.isDone) reader.step();
  return reader.rule();
}

class Reader {
  readonly #words: readonly string[];
  readonly #header = new Map<string, Negatable<string>>();
  readonly #matches: {
    readonly name: string;
    readonly options: Map<string, Negatable<readonly string[]>>;
  }[] = [];
  #target: { name: string; isGoto: boolean; options: Map<string, Negatable<readonly string[]>> } | undefined;
  #next = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get isDone(): boolean {
    return this.#next >= this.#words.length;
  }

  rule(): RuleWords {
    return { header: this.#header, matches: this.#matches, target: this.#target };
  }

  step(): void {
    const isNegated = this.#words[this.#next] === '!';
    if (isNegated) this.#next += 1;
    const word = this.#words[this.#next] ?? '!';
    this.#next += 1;
    if (!word.startsWith('-')) throw new BadRule(`Bad argument \`${word}'`);
    const name = HEADER[word];
    if (name === undefined) this.#option(word, isNegated);
    else this.#ofHeader(name, this.#argument(word), isNegated);
  }

  #argument(option: string): string {
    const word = this.#words[this.#next];
    if (word === undefined) throw new BadRule(`option "${option}" requires an argument`);
    this.#next += 1;
    return word;
  }

  #ofHeader(name: string, value: string, isNegated: boolean): void {
    if (isNegated && ['-m', '-j', '-g'].includes(name)) throw new BadRule(`cannot have ! before ${name}`);
    if (name === '-m') {
      if (MATCHES[value] === undefined) {
        throw new BadRule(`Couldn't load match \`${value}':No such file or directory\n`);
      }
      this.#matches.push({ name: value, options: new Map() });
    } else if (name === '-j' || name === '-g') {
      if (this.#target !== undefined) throw new BadRule(`multiple ${name} flags not allowed`);
      this.#target = { name: value, isGoto: name === '-g', options: new Map() };
    } else {
      if (this.#header.has(name)) throw new BadRule(`multiple ${name} flags not allowed`);
      this.#header.set(name, { value, isNegated });
    }
  }

  #option(word: string, isNegated: boolean): void {
    const { owner, option, options } = this.#ownerOf(word);
    const values: string[] = [];
    while (values.length < option.words) values.push(this.#argument(word));
    if (options.has(option.name)) {
      throw new BadRule(`${owner}: option "${option.name}" can only be used once.\n`);
    }
    options.set(option.name, { value: values, isNegated });
  }

  #ownerOf(word: string): {
    readonly owner: string;
    readonly option: Option;
    readonly options: Map<string, Negatable<readonly string[]>>;
  } {
    const target = this.#target;
    const ofTarget = target === undefined ? undefined : TARGETS[target.name]?.[word];
    if (target !== undefined && ofTarget !== undefined) {
      return { owner: target.name, option: ofTarget, options: target.options };
    }
    for (const match of [...this.#matches].reverse()) {
      const option = MATCHES[match.name]?.[word];
      if (option !== undefined) return { owner: match.name, option, options: match.options };
    }
    const name = PROTOCOL_MATCHES[this.#header.get('-p')?.value.toLowerCase() ?? ''];
    const option = name === undefined ? undefined : MATCHES[name]?.[word];
    if (name === undefined || option === undefined) throw new BadRule(`unknown option "${word}"`);
    const match = { name, options: new Map<string, Negatable<readonly string[]>>() };
    this.#matches.push(match);
    return { owner: name, option, options: match.options };
  }
}

function one(...names: readonly string[]): Readonly<Record<string, Option>> {
  return Object.fromEntries(names.map((name) => [name, { name, words: 1 }]));
}
