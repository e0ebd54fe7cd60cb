import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

/** The folder `web/` of the package, found upwards: from `src/web` and from `dist/src/web` alike. */
function findFolder(): URL {
  for (let up = new URL('..', import.meta.url); ; up = new URL('..', up)) {
    const here = new URL('web/', up);
    if (existsSync(new URL('style.css', here))) return here;
    if (up.pathname === '/') throw new Error('the package lacks its folder web/');
  }
}

export interface Asset {
  readonly type: string;
  readonly body: string;
  readonly tag: string;
}

/** All that a page loads beside itself. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const folder = findFolder();
  const types = { 'style.css': 'text/css', 'live.js': 'text/javascript', 'icon.svg': 'image/svg+xml' };
  return new Map(
    Object.entries(types).map(([name, type]) => {
      const body = readFileSync(new URL(name, folder), 'utf8');
      const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
      return [`/${name}`, { type: `${type}; charset=utf-8`, body, tag }];
    }),
  );
}
