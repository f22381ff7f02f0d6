#!/bin/sh
# What the image runs: embassy with the arguments of `docker run`. Its name before them is understood, too.
set -eu
if [ "${1:-}" = embassy ]; then shift; fi
# In place of this shell, so that signals arrive and the rules are removed at stop.
exec node /opt/embassy/stage/embassy.cjs "$@"
