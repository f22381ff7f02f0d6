import { readFileSync } from 'node:fs';

/** One file of the page, as it is served. */
export interface PageFile {
  readonly path: string;
  /** Its media type. */
  readonly type: string;
  readonly text: string;
}

const JAVASCRIPT = 'text/javascript; charset=utf-8';

const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ['/', './files/index.html', 'text/html; charset=utf-8'],
  ['/page/page.css', './files/page.css', 'text/css; charset=utf-8'],
  ['/page/icon.svg', './files/icon.svg', 'image/svg+xml'],
  ['/page/page.js', './files/page.js', JAVASCRIPT],
  ['/page/picture.js', './files/picture.js', JAVASCRIPT],
  ['/page/daemon.js', './files/daemon.js', JAVASCRIPT],
  ['/page/framework.js', 'htm/preact/standalone', JAVASCRIPT],
];

/**
 * Reads the page that shows a daemon: a few files of ours, and a framework that needs no bundler. All of it
 * is in memory from here on, and nothing else is ever read for a request.
 */
export function readPage(): readonly PageFile[] {
  return FILES.map(([path, file, type]) => {
    return { path, type, text: readFileSync(new URL(import.meta.resolve(file)), 'utf8') };
  });
}
