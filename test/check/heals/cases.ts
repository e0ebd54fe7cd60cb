import { bind } from '../../../src/ask/bind.ts';
import type { Placed } from '../../../src/check/check.ts';
import { checkHeals } from '../../../src/check/heals/check.ts';
import { type Pool, transaction } from '../../../src/db/pool.ts';
import { keelOn } from '../../support/keel.ts';

/** What the rules about heals say of these invariants: `on` and the rest of the header, then the SELECT. */
export async function checked(
  { pool, url }: { pool: Pool; url: string },
  files: Readonly<Record<string, string>>,
  role?: string,
): Promise<Placed[]> {
  const texts = Object.entries(files).map(([name, text]) => [name, `-- evenkeel: ${text}`]);
  const { invariants } = keelOn({ url }, Object.fromEntries(texts) as Record<string, string>);
  const limits = { readOnly: true, statement: 20_000, schemas: ['public'] };
  return transaction(pool, limits, async tx => {
    if (role !== undefined) await tx.query(`set local role ${role}`);
    const bounds = [];
    for (const one of invariants) bounds.push(await bind(tx, one, ['public']));
    return [...(await checkHeals(tx, bounds, 30_000)).values()].flat();
  });
}

export const broken = (on: string, heal: string, sql: string): string =>
  `broken\n-- says: A case\n-- on: ${on}\n${heal === '' ? '' : `-- heal: ${heal}\n`}${sql}`;
export const should = (on: string, heal: string, sql: string): string =>
  broken(on, heal, sql).replace('broken', 'should');
