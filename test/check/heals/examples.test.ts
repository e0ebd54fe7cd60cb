/** Invariants of real applications, and of the demo: nothing that works is called wrong. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bind } from '../../../src/ask/bind.ts';
import { type Placed, check } from '../../../src/check/check.ts';
import { checkHeals } from '../../../src/check/heals/check.ts';
import { transaction } from '../../../src/db/pool.ts';
import { loadInvariants } from '../../../src/load.ts';
import { folders } from '../../examples/example.ts';
import { freshDatabase } from '../../support/database.ts';

const root = join(import.meta.dirname, '../../..');
const names = ['demo', ...(await folders()).map(name => `examples/${name}`)];

test.each(names)('%s', async name => {
  const db = await freshDatabase();
  const schema = name === 'demo' ? 'demo/shop/schema.sql' : `${name}/schema.sql`;
  await db.sql(await readFile(join(root, schema), 'utf8'));
  const { invariants } = await loadInvariants(join(root, name, 'invariants'));
  const started = performance.now();
  const found = await transaction(
    db.pool,
    { readOnly: true, statement: 20_000, schemas: ['public'] },
    async tx => {
      const bounds = [];
      const all: Placed[] = [];
      for (const one of invariants.filter(({ source }) => !source)) {
        bounds.push(await bind(tx, one, ['public']));
        all.push(...(await check(tx, one)).findings);
      }
      return [...all, ...[...(await checkHeals(tx, bounds, 30_000)).values()].flat()];
    },
  );
  if (process.env['SHOW'])
    console.log(
      name,
      Math.round(performance.now() - started),
      found
        .map(
          ({ rule, severity, message, fragment, fix }) =>
            `${rule} ${severity}: ${message} | ${fragment} | ${fix ?? ''}`,
        )
        .join('\n'),
    );
  const wrong = found.filter(({ severity, ignored }) => severity === 'error' && ignored === null);
  expect(wrong.map(({ rule, message, fragment }) => `${rule} ${message}: ${fragment}`)).toEqual([]);
});
