#!/bin/sh
# What the image's HEALTHCHECK runs: healthy while the daemon answers over its admin socket. Whether every
# service is known is another question (`embassy status`), and no reason to restart anything.
# The arguments of `docker run` are not seen here: move the socket with EMBASSY_ADMIN_SOCKET, or switch the
# check off with --no-healthcheck where there is no admin socket.
set -eu
exec node /opt/embassy/stage/embassy.cjs services --json >/dev/null
