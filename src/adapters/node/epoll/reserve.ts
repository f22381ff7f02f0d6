import type { Kernel } from './kernel.ts';

/** A descriptor to give up where there is no other, so that a consumer is told rather than left waiting. */
export class Reserve {
  readonly #kernel: Kernel;
  #fd = -1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Keeps one from now on. */
  fill(): void {
    if (this.#fd < 0) this.#fd = this.#kernel.openNothing();
  }

  /** Keeps none any more. */
  empty(): void {
    if (this.#fd >= 0) this.#kernel.close(this.#fd);
    this.#fd = -1;
  }

  /**
   * Accepts with the last descriptor there is and closes at once.
   *
   * @param peer - Room for the other side's `sockaddr`.
   * @returns False where nobody was turned away.
   */
  turnAway(listening: number, peer: Uint8Array): boolean {
    this.fill();
    if (this.#fd < 0) return false;
    this.empty();
    const fd = this.#kernel.accept(listening, peer);
    if (fd >= 0) this.#kernel.close(fd);
    this.fill();
    return fd >= 0;
  }
}
