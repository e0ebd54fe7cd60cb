/** Two freshly seeded shops, for tests. */
import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';
import { invariants } from '../../demo/folders.ts';
import { rules, wrongSubjects } from '../../demo/judge/rules.ts';
import type { Twins } from '../../demo/shop/twins.ts';
import { seed } from '../../demo/town.ts';
import { freshDatabase } from '../support/database.ts';

export async function twins(): Promise<Twins> {
  const [watched, bare] = await Promise.all([freshDatabase(), freshDatabase()]);
  await Promise.all([seed(watched.url), seed(bare.url)]);
  return { watched: watched.pool, bare: bare.pool };
}

/** All that is wrong in a shop by the judge's rules: `order-total 17`. */
export async function wrongByRules(shop: pg.Pool): Promise<string[]> {
  return (await wrongSubjects(shop)).map(({ rule, key }) => [rule, ...key].join(' ')).sort();
}

/** The same by the demo's invariants, asked as plain SQL. */
export async function wrongByInvariants(shop: pg.Pool): Promise<string[]> {
  const found = (await readdir(invariants)).map(async file => {
    // Of the provider it only knows the API; its books say the same.
    if (file === 'membership.ts')
      return keys(
        'membership',
        'select m.id::text from memberships m join provider.memberships p using (id) where (m.tier, m.cents) <> (p.tier, p.cents)',
      );
    const text = await readFile(new URL(file, invariants), 'utf8');
    const query = text.replace(/^--.*\n/gm, '');
    const name = file.replace(/\.sql$/, '') as keyof typeof rules;
    const key = rules[name].key.map(([column]) => `${column}::text`).join(', ');
    if (text.startsWith('-- evenkeel: should')) {
      const table = /^-- on: (\w+)$/m.exec(text)![1]!;
      const { fields } = await shop.query(`select * from (${query}) s limit 0`);
      const columns = fields.map(({ name }) => name).join(', ');
      const should = `select ${columns} from (${query}) s`;
      const is = `select ${columns} from ${table}`;
      return keys(
        name,
        `select distinct ${key} from ((${should} except ${is}) union all (${is} except ${should})) d`,
      );
    }
    return keys(name, `select ${key} from (${query}) b`);
  });
  return (await Promise.all(found)).flat().sort();

  async function keys(name: string, sql: string): Promise<string[]> {
    const { rows } = await shop.query<string[]>({ text: sql, rowMode: 'array' });
    return rows.map(key => [name, ...key].join(' '));
  }
}
