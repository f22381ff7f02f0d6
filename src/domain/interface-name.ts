/** The longest interface name in bytes. See Linux, IFNAMSIZ, less its terminating zero. */
const INTERFACE_LENGTH_MAX = 15;

/**
 * Whether rules can name exactly that interface: iptables takes a trailing `+`, and nft a `*`, for every name
 * that begins so, and a quote or a space would end the word. Pure.
 */
export function isInterfaceName(name: string): boolean {
  return name.length <= INTERFACE_LENGTH_MAX && /^[A-Za-z0-9_.][A-Za-z0-9_.@=-]*$/.test(name);
}
