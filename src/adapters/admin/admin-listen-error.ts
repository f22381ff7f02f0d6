/** Thrown when the admin API cannot listen; the message says where, why, and what to do. */
export class AdminListenError extends Error {
  override readonly name = 'AdminListenError';

  /** Puts what the system said into words. */
  static of(cause: unknown, where: string): AdminListenError {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    return new AdminListenError(`the admin API cannot listen at ${where}: ${reasonOf(code, cause)}`, {
      cause,
    });
  }
}

function reasonOf(code: string, cause: unknown): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'it is taken (does embassy run already?); try another with --admin-listen or --admin-socket';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not; try another place with --admin-socket=PATH, or --admin-socket=off';
    case 'ENOENT':
    case 'ENOTDIR':
      return 'its directory does not exist; make it, or choose another place with --admin-socket=PATH';
    case 'EADDRNOTAVAIL':
      return 'this host has no such address';
    case 'EROFS':
      return 'that file system is read-only; choose another place with --admin-socket=PATH';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
