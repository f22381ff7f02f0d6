/** The kind of a message that tells of an interface that is gone. See rtnetlink(7). */
const RTM_DELLINK = 17;

/** The header of a message: its length, kind, flags, number and sender. See netlink(7), struct nlmsghdr. */
const HEADER_BYTES = 16;

/** Messages begin at multiples of this. */
const ALIGNMENT_BYTES = 4;

/**
 * Tells whether any of some messages says that an interface is gone.
 *
 * @param bytes - One or more messages, as a netlink socket gives them; the byte order of the machine is taken
 *   to be little-endian.
 *
 * Pure; total: what is cut short or of another shape says nothing.
 */
export function tellsOfRemoval(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.byteLength;) {
    const length = view.getUint32(at, true);
    if (view.getUint16(at + 4, true) === RTM_DELLINK) return true;
    if (length < HEADER_BYTES) return false;
    at += Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
  return false;
}
