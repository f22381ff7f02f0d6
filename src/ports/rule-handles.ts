/** Chains of one table of nf_tables, e.g. `inet embassy`. */
export interface RulePlaces {
  readonly table: string;
  readonly chains: readonly string[];
}

/**
 * The numbers that the kernel gives to rules. Each rule that is added gets another one, so where they are the
 * same, nobody added or removed any. A rule that is replaced in its place keeps its number.
 */
export interface RuleHandles {
  /**
   * Reads them in order, chain by chain. Costs some microseconds for each chain, however many rules the
   * table has elsewhere, unlike a listing by nft.
   *
   * @returns Undefined where they are not to be had: another platform, no privilege, or rules that change
   *   meanwhile. A chain or table that is not there has none.
   */
  read(places: RulePlaces): readonly bigint[] | undefined;
}
