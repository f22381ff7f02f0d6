import path from 'node:path';
import type { StartedMachine } from './started-machine.ts';

/** Where the certificates are made, in the machine that has openssl. */
const DIRECTORY = '/var/lib/certificates';

/** Makes a key, and a certificate that a CA signed, or the key itself. Arguments: name, CA, days, SAN. */
const ISSUE = `
set -e; mkdir -p "$0"; cd "$0"
openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$1"
if [ "$1" = "$2" ]
then openssl x509 -req -in "$1.csr" -signkey "$1.key" -out "$1.pem" -days "$3"
else
  printf 'subjectAltName=%s\\n' "$4" >"$1.ext"
  set -- "$@" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial
  openssl x509 -req -in "$1.csr" -out "$1.pem" -days "$3" -extfile "$1.ext" "$5" "$6" "$7" "$8" "$9"
fi
`;

/** A certificate and its key, in PEM form. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes a certificate with openssl, in a machine that has it.
 *
 * @param name - also its common name, and the name of its files
 * @param by - the CA, by name; its own name for one that signs itself
 * @param names - subject alternative names as openssl writes them, such as `IP:127.0.0.1,DNS:localhost`
 * @param days - how long it is valid; negative for one that has expired
 */
export async function issueCertificate(
  machine: StartedMachine,
  name: string,
  options: { readonly by: string; readonly names?: string; readonly days?: number },
): Promise<Certificate> {
  const { by, names = `DNS:${name}`, days = 30 } = options;
  await machine.output(['sh', '-c', ISSUE, DIRECTORY, name, by, String(days), names]);
  const read = (file: string): Promise<string> => machine.output(['cat', path.posix.join(DIRECTORY, file)]);
  return { certificate: await read(`${name}.pem`), key: await read(`${name}.key`) };
}
