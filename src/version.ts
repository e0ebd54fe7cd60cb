import { readFileSync, existsSync } from 'node:fs';

/** From the package's own package.json, two or three folders up. */
export const version: string = (() => {
  for (let up = new URL('.', import.meta.url); ; up = new URL('..', up)) {
    const file = new URL('package.json', up);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
})();
