/** Only where systemd is at work: a container that installs the package has none. */
const WITH_SYSTEMD = 'if [ -d /run/systemd/system ]; then';

/**
 * The scripts that Debian runs around a package, by name. An upgrade has a daemon that runs hand over to the
 * new one; a removal stops it first, so that it takes its rules away.
 *
 * @see Debian Policy, chapter 6.
 */
export const MAINTAINER_SCRIPTS: Readonly<Record<'postinst' | 'prerm' | 'postrm', string>> = {
  postinst: script(
    'if [ "$1" = configure ]; then',
    `  ${WITH_SYSTEMD}`,
    '    systemctl daemon-reload || true',
    '    if systemctl is-active --quiet embassy.service; then',
    '      systemctl kill --kill-who=main --signal=USR2 embassy.service || true',
    '    fi',
    '  fi',
    'fi',
  ),
  prerm: script(
    'if [ "$1" = remove ]; then',
    `  ${WITH_SYSTEMD} systemctl disable --now embassy.service || true; fi`,
    '  /usr/bin/embassy cleanup >/dev/null 2>&1 || true',
    'fi',
  ),
  postrm: script(
    `${WITH_SYSTEMD} systemctl daemon-reload || true; fi`,
    'if [ "$1" = purge ]; then rm -rf /var/lib/embassy; fi',
  ),
};

function script(...lines: readonly string[]): string {
  return ['#!/bin/sh', 'set -e', ...lines, ''].join('\n');
}
