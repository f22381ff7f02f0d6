import type { Command } from './options.ts';

/** What each command does, in a line, for help, completion and the manual. */
export const COMMAND_SUMMARIES: Readonly<Record<Command, string>> = {
  run: 'serve until told to stop (the default)',
  check: 'say what would be bound, and to which endpoints; change nothing',
  doctor: 'say what of this host is in the way, and what to do; change nothing',
  cleanup: 'remove the rules that a crash left behind',
  completion: 'print the completion of bash, zsh or fish',
  status: 'a running daemon at a glance',
  bindings: 'who is bound to what, and how it fares',
  services: 'what discovery knows of each service',
  endpoints: 'every endpoint with its state',
  connections: 'the open connections',
  explain: 'why a connection goes where it goes, or why not',
  events: 'what happened lately',
  top: 'services by their open connections, until told to stop',
  wait: 'wait until a port of a container has a ready endpoint',
};
