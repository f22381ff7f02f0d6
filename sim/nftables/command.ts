import type { Place } from './refusal.ts';
import type { RawElement } from './parse-elements.ts';
import type { Rule } from './rule.ts';
import type { BaseChain, SetSpec, TableFamily } from './ruleset.ts';

/** Which table a command is about. */
export interface TableName {
  readonly family: TableFamily;
  readonly name: string;
}

/** One command of a script, with the places of the whole and of its last name. */
export type Command = { readonly place: Place; readonly namePlace: Place } & (
  | { readonly kind: 'flush ruleset' }
  | {
      readonly kind: 'table';
      readonly verb: 'add' | 'create' | 'delete' | 'flush';
      readonly table: TableName;
    }
  | {
      readonly kind: 'new chain';
      readonly verb: 'add' | 'create';
      readonly table: TableName;
      readonly name: string;
      readonly base: BaseChain | undefined;
    }
  | {
      readonly kind: 'chain';
      readonly verb: 'delete' | 'flush';
      readonly table: TableName;
      readonly name: string;
    }
  | {
      readonly kind: 'new set';
      readonly verb: 'add' | 'create';
      readonly table: TableName;
      readonly name: string;
      readonly spec: SetSpec;
      readonly elements: readonly RawElement[];
    }
  | {
      readonly kind: 'set';
      readonly verb: 'delete' | 'flush';
      readonly isMap: boolean;
      readonly table: TableName;
      readonly name: string;
    }
  | {
      readonly kind: 'element';
      readonly verb: 'add' | 'create' | 'delete';
      readonly table: TableName;
      readonly name: string;
      readonly elements: readonly RawElement[];
    }
  | {
      readonly kind: 'rule';
      readonly verb: 'add' | 'insert';
      readonly table: TableName;
      readonly name: string;
      readonly rule: Rule;
    }
);
