/** A discovery that the operator gave, as far as a descriptor is concerned. */
export interface DiscoveryChoice {
  readonly name: string;
  /** Whether it understands `*` for a path segment. */
  readonly wildcards: boolean;
}
