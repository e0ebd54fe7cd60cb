import type { Bound } from '../../ask/bind.ts';
import { type Tx, describe, isDown, sqlState } from '../../db/pool.ts';
import { type Placed, ignores, place } from '../check.ts';
import { type Folder, openFolder } from './folder.ts';
import { firstLine } from './piece.ts';
import { type Found, type HealRule, found } from './rule.ts';
import { healRules } from './rules/index.ts';

/** How the finding of a rule begins that could be asked of no invariant. */
export const unasked = 'not asked of any invariant';

/**
 * Asks the rules that look at all invariants together; only reads. By name of the invariant in whose file a finding stands.
 * @param forMs what is not decided by then is undecided
 */
export async function checkHeals(
  tx: Tx,
  bounds: readonly Bound[],
  forMs: number,
): Promise<Map<string, Placed[]>> {
  const end = performance.now() + forMs;
  const late = () => performance.now() > end;
  const findings = new Map<string, Placed[]>();
  const [first] = bounds;
  if (!first) return findings;
  const none = (why: string) => [
    found(first, firstLine(first.invariant.sql), 'undecided', `${unasked}: ${why}`),
  ];
  const opened = await guarded(tx, () => openFolder(tx, bounds, late));
  for (const rule of healRules) {
    const list =
      typeof opened === 'string'
        ? none(opened)
        : late()
          ? none('there was no time left')
          : await guarded(tx, async () => rule.find(opened));
    for (const one of typeof list === 'string' ? none(list) : list) {
      const mine = findings.get(one.of.name) ?? [];
      findings.set(one.of.name, [...mine, placed(rule, one)]);
    }
  }
  return findings;
}

/** Its result, or in words what Postgres had against it. */
async function guarded<T extends Folder | readonly Found[]>(
  tx: Tx,
  act: () => Promise<T>,
): Promise<T | string> {
  await tx.query('savepoint together');
  try {
    const result = await act();
    await tx.query('release savepoint together');
    return result;
  } catch (error) {
    if (isDown(error) || sqlState(error) === undefined) throw error;
    await tx.query('rollback to savepoint together');
    return sqlState(error) === '57014' ? 'it took too long' : describe(error);
  }
}

/** A reason in one of the files that are named is enough. */
function placed({ id, name }: HealRule, { of, with: others, ...finding }: Found): Placed {
  const all = [of, ...others];
  const ignored = all
    .map(({ invariant }) => ignores(invariant.sql).get(id))
    .find(reason => reason !== undefined);
  return {
    ...place(of.invariant, { rule: id, name, change: null, ...finding }),
    ignored: ignored ?? null,
    ...(others.length > 0
      ? { with: others.map(one => ({ name: one.name, file: one.invariant.place.file })) }
      : {}),
  };
}
