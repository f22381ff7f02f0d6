import type { RoutingTable } from '../domain/routing-table.ts';
import type { Proxier } from '../ports/proxier.ts';

/**
 * Two data planes under one table: the kernel carries what it can, and what it does not translate arrives in
 * userspace, which therefore knows every route.
 */
export class ProxierPair implements Proxier {
  readonly #kernel: Proxier;
  readonly #userspace: Proxier;

  constructor(planes: { readonly kernel: Proxier; readonly userspace: Proxier }) {
    this.#kernel = planes.kernel;
    this.#userspace = planes.userspace;
  }

  async sync(table: RoutingTable): Promise<void> {
    // Userspace first: what the kernel lets go of must find its route there.
    await this.#userspace.sync(table);
    await this.#kernel.sync(table);
  }

  async drain(deadlineMs: number, options: { readonly signal: AbortSignal }): Promise<number> {
    const cut = await this.#kernel.drain(deadlineMs, options);
    return cut + (await this.#userspace.drain(deadlineMs, options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kernel[Symbol.asyncDispose]();
    await this.#userspace[Symbol.asyncDispose]();
  }
}
