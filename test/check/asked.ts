/** Asks the rules of one invariant, in this process: the command itself is tested in check.test.ts. */
import { type Checked, check } from '../../src/check/check.ts';
import { transaction } from '../../src/db/pool.ts';
import { parse } from '../../src/declare/parse.ts';
import type { FreshDatabase } from '../support/database.ts';

export interface Asked {
  readonly form?: 'should' | 'broken';
  readonly on?: string;
  readonly heal?: string;
}

export async function asked(
  { pool }: Pick<FreshDatabase, 'pool'>,
  sql: string,
  { form = 'broken', on = 'orders', heal }: Asked = {},
): Promise<Checked> {
  const header = `-- evenkeel: ${form}\n-- says: A case\n-- on: ${on}\n${heal ? `-- heal: ${heal}\n` : ''}`;
  const parsed = parse(header + sql, 'one.sql');
  if (parsed.is !== 'invariant') throw new Error(JSON.stringify(parsed));
  const limits = { readOnly: true, snapshot: true, statement: 20_000, idle: 60_000, schemas: ['public'] };
  return transaction(pool, limits, async tx => {
    // What Postgres refuses tells nothing.
    await tx.query(`select from (${sql}\n) x limit 0`);
    return check(tx, parsed.invariant);
  });
}

/** Each finding as `rule severity fragment`. */
export const brief = ({ findings }: Checked): string[] =>
  findings.map(({ rule, severity, fragment }) => `${rule} ${severity} ${fragment}`);
