/** What Debian calls the kinds of machines that Node names otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Writes the control file of the Debian package.
 *
 * @param arch - As Node names it.
 * @throws {Error} Debian has no such kind of machine, as far as we know.
 *
 * Pure.
 *
 * @see deb-control(5).
 */
export function formatControl({
  version,
  arch,
}: {
  readonly version: string;
  readonly arch: string;
}): string {
  const architecture = ARCHITECTURES[arch];
  if (architecture === undefined) throw new Error(`there is no Debian package for machines of kind ${arch}`);
  return [
    'Package: embassy',
    // A pre-release sorts before its release.
    `Version: ${version.replace('-', '~')}`,
    `Architecture: ${architecture}`,
    'Maintainer: the embassy project <embassy@localhost>',
    'Section: net',
    'Priority: optional',
    'Depends: libc6, libstdc++6, iptables | nftables',
    'Recommends: nftables',
    'Suggests: docker.io | docker-ce',
    'Description: service proxy and load balancer for Docker containers',
    ' One daemon per Docker host. A container says in its environment what it needs,',
    ' and that port of the virtual IP leads to a healthy endpoint of that service.',
    '',
  ].join('\n');
}
