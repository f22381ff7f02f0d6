import { cutReason } from './cut-reason.ts';
import { EtcdError } from './etcd-client.ts';
import { EtcdWireError } from './etcd-wire.ts';
import type { TlsPaths } from './etcd-wire.ts';
import type { EtcdCredentials } from './token-keeper.ts';

/** Where and how a call was made. */
export interface CallPlace {
  readonly host: string;
  readonly tls: TlsPaths | undefined;
  readonly credentials: EtcdCredentials | undefined;
  /** What was to be read, for the message: `keys that begin with /prod/web/`. */
  readonly what: string;
  /** What may be why the member refuses us; or undefined. */
  readonly doubt: string | undefined;
}

/**
 * Puts the failure of one call into the words of the client: which member, what is wrong, what to do.
 *
 * Pure.
 */
export function etcdErrorOf(error: unknown, place: CallPlace): EtcdError {
  if (error instanceof EtcdError) return error;
  const { host, credentials, what } = place;
  const fail = (code: EtcdError['code'], text: string): EtcdError => {
    return new EtcdError(code, `etcd at ${host}: ${text}`, { cause: error });
  };
  if (!(error instanceof EtcdWireError)) return fail('failed', String(error));
  const { trouble, message } = error;
  switch (trouble) {
    case 'cut': {
      const reason = cutReason(message, place);
      return fail('unavailable', place.doubt === undefined ? reason : `${reason} (${place.doubt})`);
    }
    case 'busy':
      return fail('unavailable', message);
    case 'token':
      return credentials === undefined
        ? fail('forbidden', 'it wants a user and a password; write etcd://USER@HOST?password-file=FILE')
        : fail('forbidden', `it takes no token of user '${credentials.user}' (${message})`);
    case 'rejected':
      return fail('forbidden', message);
    case 'denied': {
      const user = credentials === undefined ? 'without a user there is' : `user '${credentials.user}' has`;
      return fail('forbidden', `${user} no right to read ${what}`);
    }
    case 'compacted':
    case 'too-large':
    case 'failed':
      return fail(trouble, message);
    case 'auth-off':
      return fail('failed', message);
  }
}
