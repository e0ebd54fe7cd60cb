/** Where things lie, from the sources and from `dist/` alike. */
import { existsSync } from 'node:fs';

function findRoot(): URL {
  for (let up = new URL('.', import.meta.url); ; up = new URL('..', up)) {
    if (existsSync(new URL('package.json', up))) return up;
    if (up.pathname === '/') throw new Error('package.json is missing');
  }
}

export const root = findRoot();
export const invariants = new URL('demo/invariants/', root);
