import type { Relation } from '../catalog/relation.ts';
import { type Tx, quote, sqlState } from '../db/pool.ts';
import { type Key, askKeys } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { type Costs, type Plan, balances, form, planOf } from '../ask/cost.ts';
import { byKeys, nextKey, whole } from '../ask/question.ts';
import { type Unfollowed, capturePlan, unfollowed } from './capture/plan.ts';
import { spell } from './scope/condition.ts';
import type { Path } from './scope/derive.ts';

/** How an invariant is watched: what `evenkeel explain` shows. */
export interface Derivation {
  readonly name: string;
  readonly says: string;
  readonly file: string;
  readonly on: string;
  readonly key: readonly string[];
  readonly tables: readonly Table[];
  /** What can't be followed, and so is found by sweeping only; empty: every change is followed. */
  readonly unfollowed: { readonly triggers: readonly Unfollowed[]; readonly slot: readonly Unfollowed[] };
  /** Its answer changes while no row does. */
  readonly clock: boolean;
  readonly everyMs: number | null;
  /** Its sums are dear to ask for: only of keys that a transaction didn't keep in step. */
  readonly balanced: boolean;
  readonly asked: Asked;
}

export interface Table {
  readonly table: string;
  /** Ways from a changed row to the key; none where it has to be swept. */
  readonly ways: readonly Way[];
  /** Columns of which the old values are needed, and those of them that a slot doesn't tell as things are. */
  readonly old: readonly string[];
  readonly untold: readonly string[];
  /** What would make a slot tell all of it. */
  readonly ddl: readonly string[];
}

export interface Way {
  readonly columns: readonly string[];
  /** Rows that fail one of these are passed over, where a slot tells. */
  readonly where: readonly string[];
  readonly through: readonly {
    readonly table: string;
    readonly enters: readonly string[];
    readonly leaves: readonly string[];
  }[];
}

export interface Asked {
  readonly form: ReturnType<typeof form>;
  /** Postgres's estimates, in its own units. */
  readonly costs: Costs;
  /** The quickest of three looks at one key; `ms` null: it took longer than allowed. Null: there is no row. */
  readonly sample: { readonly key: Key; readonly ms: number | null } | null;
  readonly scans: readonly Scan[];
  /** As EXPLAIN prints it. */
  readonly plan: readonly string[];
}

export interface Scan {
  readonly how: string;
  readonly table: string;
  readonly index: string | null;
  readonly rows: number;
  /** What to do where a large table is read whole. */
  readonly hint: string | null;
}

/** Reads and asks only; the sample may be given. */
export async function derivation(tx: Tx, bound: Bound, given: Key | undefined): Promise<Derivation> {
  const { name, invariant, table, key, scope, everyMs } = bound;
  const plans = capturePlan([bound]);
  return {
    name,
    says: invariant.says,
    file: invariant.place.file,
    on: table.quoted,
    key: key.map(one => one.name),
    tables: scope.reads.map(relation => {
      const plan = plans.find(one => one.relation.oid === relation.oid);
      const paths = scope.paths.filter(path => path.relation.oid === relation.oid);
      const ways = new Map(paths.map(wayOf).map(way => [JSON.stringify(way), way]));
      return {
        table: relation.quoted,
        ways: [...ways.values()],
        old: plan?.columns ?? [],
        untold: plan?.untold ?? [],
        ddl: plan?.ddl ?? [],
      };
    }),
    unfollowed: {
      triggers: unfollowed(bound, plans, 'triggers'),
      slot: unfollowed(bound, plans, 'slot'),
    },
    clock: scope.clock,
    everyMs: everyMs ?? null,
    balanced: scope.balance !== undefined && balances(bound.costs),
    asked: await asked(tx, bound, given),
  };
}

const wayOf = ({ columns, through, where }: Path): Way => ({
  columns,
  where: where.map(spell),
  through: through.map(({ relation, enters, leaves }) => ({ table: relation.quoted, enters, leaves })),
});

async function asked(tx: Tx, bound: Bound, given: Key | undefined): Promise<Asked> {
  const chosen = form(bound.costs);
  const key = given ?? (await someKey(tx, bound));
  const values = bound.key.map((_, i) => [key?.[i] ?? null]);
  const [text, args] = chosen === 'sweep' ? [whole(bound), []] : [byKeys(bound, chosen), values];
  const scans = scansOf(await planOf(tx, text, args), bound);
  const { rows } = await tx.query<[string]>({ text: `explain ${text}`, values: args, rowMode: 'array' });
  const sample = key ? { key, ms: await measured(tx, bound, key) } : null;
  return { form: chosen, costs: bound.costs, sample, scans, plan: rows.map(([line]) => line) };
}

/** One that isn't the very first, which tends to be an odd one; undefined: there is none. */
async function someKey(tx: Tx, bound: Bound): Promise<Key | undefined> {
  for (const place of [Math.min(1_000, Math.ceil(bound.table.rows / 2)), 1]) {
    const query = { text: nextKey(bound, false), values: [Math.max(1, place)], rowMode: 'array' as const };
    const [row] = (await tx.query<(string | null)[]>(query)).rows;
    if (row) return row;
  }
  return undefined;
}

async function measured(tx: Tx, bound: Bound, key: Key): Promise<number | null> {
  let best = Number.POSITIVE_INFINITY;
  await tx.query('savepoint sample');
  try {
    for (let n = 0; n < 3; n++) {
      const started = performance.now();
      await askKeys(tx, bound, [key]);
      best = Math.min(best, performance.now() - started);
      // Dear is dear: no need to see it thrice.
      if (best > 1_000) break;
    }
    await tx.query('release savepoint sample');
    return Math.round(best * 100) / 100;
  } catch (error) {
    if (sqlState(error) !== '57014') throw error;
    await tx.query('rollback to savepoint sample');
    return null;
  }
}

function scansOf(plan: Plan, bound: Bound): Scan[] {
  const { 'Node Type': how, 'Relation Name': name, 'Index Name': index, 'Plan Rows': rows } = plan;
  const below = (plan.Plans ?? []).flatMap(one => scansOf(one, bound));
  if (name === undefined) {
    // A bitmap names its index here, and its table above.
    return how === 'Bitmap Index Scan' ? [{ how, table: '', index: index ?? null, rows, hint: null }] : below;
  }
  const bitmap = below.find(one => one.table === '');
  const relation = bound.scope.reads.find(one => one.name === name);
  const hint = how === 'Seq Scan' && relation ? hintFor(relation, bound) : null;
  const rest = below.filter(one => one !== bitmap);
  return [
    { how, table: relation?.quoted ?? quote(name), index: index ?? bitmap?.index ?? null, rows, hint },
    ...rest,
  ];
}

/** A small table is read whole because that is quickest. */
const large = 10_000;

function hintFor(relation: Relation, { scope }: Bound): string | null {
  if (relation.rows < large) return null;
  const read = `reads all of ${relation.quoted}`;
  const path = scope.paths.find(one => one.relation.oid === relation.oid);
  if (!path) return read;
  const { columns } = path;
  const served = relation.indexes.some(
    index => !index.partial && index.columns.slice(0, columns.length).every(name => columns.includes(name)),
  );
  const list = columns.map(quote).join(', ');
  return served
    ? `${read}, though (${list}) has an index: the query as written keeps the key from it`
    : `${read}: an index on (${list}) would find the rows of one key`;
}
