/** Linux: families, levels and options of sockets, by the names of socket(7), tcp(7), ip(7) and ipv6(7). */
export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
/** Wants CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17. */
export const SO_MARK = 36;

export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_USER_TIMEOUT = 18;

export const IPPROTO_IP = 0;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_FREEBIND = 78;
/** Netfilter's, of both families. */
export const SO_ORIGINAL_DST = 80;
