import { bindingId } from './binding.ts';
import type { IpAddress, Port, Protocol } from './address.ts';
import type { BindingId } from './binding.ts';
import type { Route } from './route.ts';

/** The immutable, versioned state of all routes, published as one value. */
export class RoutingTable {
  /** Counts up by one with each table the daemon publishes; 0 is the empty table before the first. */
  readonly version: number;
  /** Stands for the set of bindings: the same object in tables that differ in their endpoints alone. */
  readonly bound: object;
  /** In the order of binding ids. */
  readonly routes: ReadonlyMap<BindingId, Route>;

  constructor(version: number, routes: ReadonlyMap<BindingId, Route>, bound: object = routes) {
    this.version = version;
    this.routes = routes;
    this.bound = bound;
    Object.freeze(this);
  }

  /**
   * Finds the route of a connection [C5]: the exact binding of its source first, then the wildcard one.
   *
   * @returns The route, or undefined if and only if this consumer has no binding of that port.
   *
   * Pure; O(1); called once for each connection.
   */
  lookup(source: IpAddress, protocol: Protocol, port: Port): Route | undefined {
    return (
      this.routes.get(bindingId(source, protocol, port)) ?? this.routes.get(bindingId('*', protocol, port))
    );
  }
}
