import { globsOverlap, matchesGlob } from './glob.ts';
import type { ServiceName } from './service-name.ts';

/** A label that a container must have, with a value that a glob means. */
export interface LabelRule {
  readonly name: string;
  readonly value: string;
}

/** Whom a rule is about: each list that is there must have an entry that fits; lists of globs. */
export interface ContainerRule {
  readonly name: readonly string[] | undefined;
  readonly image: readonly string[] | undefined;
  readonly network: readonly string[] | undefined;
  readonly label: readonly LabelRule[] | undefined;
}

/** Lets some containers use some services. */
export interface AccessRule {
  readonly containers: ContainerRule;
  /** Globs of names of services. */
  readonly services: readonly string[];
  /** What it does not let them use, though it is among the services. */
  readonly except: readonly string[];
}

/**
 * Which containers may use which services. What no rule allows is denied: a rule that was left out because it
 * cannot be read never allows more.
 */
export interface AccessPolicy {
  /** Its file, for people. */
  readonly source: string;
  readonly rules: readonly AccessRule[];
}

/** What a policy looks at. */
export interface AccessRequest {
  readonly name: string;
  readonly image: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** The network whose address the binding is for. */
  readonly network: string;
  readonly service: ServiceName;
}

/** Whether a policy lets a container use a service. Pure. */
export function isAllowed(policy: AccessPolicy, request: AccessRequest): boolean {
  return policy.rules.some((rule) => isAbout(rule.containers, request) && covers(rule, request.service));
}

function isAbout({ name, image, network, label }: ContainerRule, request: AccessRequest): boolean {
  return (
    fits(name, request.name) &&
    fits(image, request.image) &&
    fits(network, request.network) &&
    (label === undefined || label.some((one) => hasLabel(request.labels, one)))
  );
}

function fits(globs: readonly string[] | undefined, text: string): boolean {
  return globs === undefined || globs.some((glob) => matchesGlob(glob, text));
}

function hasLabel(labels: AccessRequest['labels'], { name, value }: LabelRule): boolean {
  return labels.some(([has, is]) => has === name && matchesGlob(value, is));
}

/**
 * A service may itself be a pattern (one with a star in it): its star is covered by a star alone, and it must
 * not reach into what is excepted.
 */
function covers({ services, except }: AccessRule, service: ServiceName): boolean {
  return (
    services.some((glob) => matchesGlob(glob, service)) && !except.some((glob) => globsOverlap(glob, service))
  );
}
