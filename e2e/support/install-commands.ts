import { ensurePackage } from './debian-packages.ts';
import { parseE2eMode } from './e2e-mode.ts';
import { printProgress } from './progress.ts';

/** What tests on this machine's own kernel run, and the Debian package that brings it. */
const COMMANDS = [
  { command: 'ip', name: 'iproute2' },
  { command: 'iptables', name: 'iptables' },
  { command: 'nft', name: 'nftables' },
  { command: 'conntrack', name: 'conntrack' },
] as const;

// A program of `npm test`, before the unit tests: where everything is required, none of them may be skipped
// for a command that could have been installed.
if (parseE2eMode(process.env['EMBASSY_E2E']) === 'required') {
  for (const { command, name } of COMMANDS) await ensurePackage(name, command, printProgress);
}
