#!/usr/bin/env node
'use strict';
require('./require-node.cjs');
// Deprecations of libraries are for us to see in tests, not for operators in their logs.
process.noDeprecation = true;
// A daemon that mostly waits need not let its youngest garbage grow: the same work in less memory.
require('node:v8').setFlagsFromString('--max-semi-space-size=8');
import('../dist/main.js');
