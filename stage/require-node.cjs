'use strict';
// Plain old JavaScript, so that even an old Node gets one clear line instead of a syntax error.
var major = Number(process.versions.node.split('.')[0]);
var message =
  'embassy needs Node.js 24 or newer; this is ' +
  process.version +
  '. Install Node 24; or, in the repository of embassy, run "npm ci", which brings it for the npm scripts.\n';
if (!(major >= 24)) {
  process.stderr.write(message);
  process.exit(1);
}
