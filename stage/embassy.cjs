#!/usr/bin/env node
'use strict';
require('./require-node.cjs');
// Deprecations of libraries are for us to see in tests, not for operators in their logs.
process.noDeprecation = true;
import('../dist/main.js');
