import path from 'node:path';

/** This checkout on our side. */
export const CHECKOUT = path.resolve(import.meta.dirname, '..', '..');

/**
 * This checkout, read-only, inside every machine: the program under test and the node binary that runs it.
 */
export const CHECKOUT_INSIDE = '/opt/embassy';

/** Node 24 as npm brought it: it wants no more of an image than Debian's C and C++ libraries. */
export const NODE_INSIDE = `${CHECKOUT_INSIDE}/node_modules/node/bin/node`;
