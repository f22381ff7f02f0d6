'use strict';
// Plain old JavaScript, so that even an old Node gets one clear line instead of a syntax error.
var major = Number(process.versions.node.split('.')[0]);
if (!(major >= 24)) {
  process.stderr.write(
    'embassy needs Node.js 24 or newer; this is ' + process.version + '. ' +
    'Run "npm ci" first (it brings Node 24 for the npm scripts), or install Node 24.\n'
  );
  process.exit(1);
}
