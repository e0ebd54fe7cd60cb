import { existsSync } from 'node:fs';

function findRoot(): URL {
  for (let up = new URL('.', import.meta.url); ; up = new URL('..', up)) {
    if (existsSync(new URL('package.json', up))) return up;
    if (up.pathname === '/') throw new Error('package.json is missing');
  }
}

/** The checkout and this folder in it, from the sources and from `dist/` alike. */
export const root = findRoot();
export const here = new URL('bench/tpcc/', root);
