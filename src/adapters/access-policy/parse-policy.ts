import { isMap, isNode, isScalar, isSeq } from 'yaml';
import { printable } from '../../domain/printable.ts';
import { readYaml } from '../../domain/read-yaml.ts';
import type { Node, YAMLMap } from 'yaml';
import type { AccessPolicy, AccessRule, ContainerRule, LabelRule } from '../../domain/access-policy.ts';
import type { YamlText } from '../../domain/read-yaml.ts';
import type { Problem } from '../../domain/result.ts';

/** Characters of a file, and rules of one: each binding is held against all of them. */
const FILE_LENGTH_MAX = 1_048_576;
const RULES_MAX = 10_000;

/** Characters of a pattern. */
const GLOB_LENGTH_MAX = 512;

const RULE_KEYS = ['containers', 'services', 'except'] as const;
const CONTAINER_KEYS = ['name', 'image', 'network', 'label'] as const;

/** A policy and what is wrong with the rest of its file, or why there is none. */
export type ParsedPolicy =
  | { readonly ok: true; readonly value: AccessPolicy; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads a policy file: `rules:`, a list of `{containers, services, except}`.
 *
 * @param path - Names the file in the problems, each with its line and column.
 * @returns All good rules, with a problem for each other one: what is left out allows nothing. No policy if
 *   and only if the text is not YAML or has no list of rules.
 *
 * Pure.
 */
export function parsePolicy(text: string, path: string): ParsedPolicy {
  // A key that stands twice is its rule's fault, and no reason to refuse the others.
  const yaml = readYaml(text, path, { lengthMax: FILE_LENGTH_MAX, uniqueKeys: false });
  if (!yaml.ok) return yaml;
  const root = yaml.value.document.contents;
  const list = isMap(root) ? root.get('rules', true) : undefined;
  if (!isMap(root) || !isSeq(list)) {
    const message = "has no list of rules; write 'rules:' and '- services: [/services/*]' below it";
    return { ok: false, problems: [yaml.value.whole(message)] };
  }
  const reader = new Reader(yaml.value);
  reader.keys(root, ['rules']);
  const written = list.items.slice(0, RULES_MAX);
  if (list.items.length > RULES_MAX)
    reader.report(list, `has more than ${RULES_MAX} rules; the rest is left out`);
  const rules = written.flatMap((item) => reader.rule(isNode(item) ? item : undefined) ?? []);
  return { ok: true, value: { source: path, rules }, problems: reader.problems };
}

/** Reads rules and keeps what is wrong with them. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #yaml: YamlText;

  constructor(yaml: YamlText) {
    this.#yaml = yaml;
  }

  report(node: Node | undefined, message: string): void {
    this.problems.push(this.#yaml.at(node, message));
  }

  /** Undefined, and reported, where any part of it is wrong. */
  rule(node: Node | undefined): AccessRule | undefined {
    const before = this.problems.length;
    if (!isMap(node)) {
      this.report(node, "a rule is a map with 'services' and, for some containers only, 'containers'");
      return undefined;
    }
    this.keys(node, RULE_KEYS);
    const containers = this.#containers(nodeAt(node, 'containers'));
    const services = this.#globs(nodeAt(node, 'services'), 'services');
    const except = this.#globs(nodeAt(node, 'except'), 'except') ?? [];
    if (services === undefined && before === this.problems.length) {
      this.report(node, "a rule needs 'services'; write '*' for all of them");
    }
    const isGood = before === this.problems.length && services !== undefined;
    return isGood ? { containers, services, except } : undefined;
  }

  /**
   * Reports the keys that are not known, those given twice, of which one would not count, and those without a
   * value (`{ services: x, except }`): such a key reads like an absent one, and without its exception a rule
   * would allow more.
   */
  keys(map: YAMLMap, known: readonly string[]): void {
    const seen = new Set<string>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const at = isNode(key) ? key : undefined;
      if (!known.includes(name)) {
        this.report(at, `unknown key '${printable(name)}'; there are ${known.join(', ')}`);
      } else if (seen.has(name)) {
        this.report(at, `'${name}' is given twice; keep one of them`);
      } else if (value === null) {
        this.report(at, `'${name}' has no value; give it one, or leave it out`);
      }
      seen.add(name);
    }
  }

  #containers(node: Node | undefined): ContainerRule {
    const nobody = { name: undefined, image: undefined, network: undefined, label: undefined };
    if (node === undefined) return nobody;
    if (!isMap(node)) {
      this.report(
        node,
        `'containers' is a map of ${CONTAINER_KEYS.join(', ')}; leave it out for all containers`,
      );
      return nobody;
    }
    this.keys(node, CONTAINER_KEYS);
    return {
      name: this.#globs(nodeAt(node, 'name'), 'name'),
      image: this.#globs(nodeAt(node, 'image'), 'image'),
      network: this.#globs(nodeAt(node, 'network'), 'network'),
      label: this.#globs(nodeAt(node, 'label'), 'label')?.map(labelOf),
    };
  }

  /** One pattern or a list of them; undefined where there is no such key. */
  #globs(node: Node | undefined, key: string): readonly string[] | undefined {
    if (node === undefined) return undefined;
    const items = isSeq(node) ? node.items : [node];
    if (items.length === 0) this.report(node, `'${key}' is an empty list: nothing would fit`);
    return items.flatMap((item) => {
      const value = isScalar(item) ? item.value : undefined;
      if (typeof value === 'string' && value !== '' && value.length <= GLOB_LENGTH_MAX) return [value];
      const what = `a text of 1 to ${GLOB_LENGTH_MAX} characters, in which * stands for any`;
      this.report(isNode(item) ? item : node, `'${key}' takes ${what}, or a list of such`);
      return [];
    });
  }
}

function nodeAt(map: YAMLMap, key: string): Node | undefined {
  const node: unknown = map.get(key, true);
  return isNode(node) ? node : undefined;
}

/** `name=value`; a name alone takes any value. */
function labelOf(text: string): LabelRule {
  const equals = text.indexOf('=');
  if (equals < 0) return { name: text, value: '*' };
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}
