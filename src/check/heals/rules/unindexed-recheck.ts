import type { Bound } from '../../../ask/bind.ts';
import { form } from '../../../ask/cost.ts';
import { byKeys } from '../../../ask/question.ts';
import type { Relation } from '../../../catalog/relation.ts';
import { type Tx, ask, quote } from '../../../db/pool.ts';
import { mention } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';

/** To ask of one key, a table is read whole, because no index leads to its rows. */
export const unindexedRecheck: HealRule = {
  id: 'EK502',
  name: 'unindexed-recheck',
  async find({ tx, bounds }) {
    const all: Found[] = [];
    for (const bound of bounds) {
      for (const relation of await readWhole(tx, bound)) all.push(told(bound, relation));
    }
    return all;
  },
};

/** A small table is read whole because that is quickest. */
const large = 10_000;

function told(bound: Bound, relation: Relation): Found {
  const piece = mention(bound.invariant.sql, relation.name);
  const severity = relation.rows >= large ? 'warning' : 'info';
  const message = `to ask of one key, all of ${relation.quoted} is read`;
  const columns = bound.scope.paths.find(path => path.relation.oid === relation.oid)?.columns;
  if (!columns) {
    const by = ['no column of it leads to the key'];
    return found(bound, piece, severity, message, { by });
  }
  const served = relation.indexes.some(
    index => !index.partial && index.columns.slice(0, columns.length).every(name => columns.includes(name)),
  );
  const names = columns.map(quote).join(', ');
  return served
    ? found(bound, piece, severity, message, {
        by: [`(${names}) has an index: the query as written keeps the key from it`],
      })
    : found(bound, piece, severity, message, {
        by: [`no index begins with (${names})`],
        fix: `create index concurrently on ${relation.quoted} (${names});`,
      });
}

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Schema?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly Plans?: readonly Node[];
}

/** Tables that the planner reads whole although it is told to avoid that: it has no other way. */
async function readWhole(tx: Tx, bound: Bound): Promise<Relation[]> {
  const chosen = form(bound.costs);
  await tx.query('savepoint plan');
  await tx.query('set local enable_seqscan = off');
  try {
    const text = byKeys(bound, chosen === 'sweep' ? 'lateral' : chosen);
    const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(
      `explain (format json, verbose) ${text}`,
      (await someKey(tx, bound)).map(part => [part]),
    );
    const names = rows[0] ? wholeIn(rows[0]['QUERY PLAN'][0].Plan) : [];
    // Of a partitioned table its partitions are read.
    const oids = await ask(
      tx,
      'select distinct coalesce(pg_partition_root(oid), oid)::oid::int8 from unnest($1::text[]::regclass[]) u(oid)',
      [names],
    );
    return bound.scope.reads.filter(({ kind, oid }) => kind !== 'v' && oids.some(([one]) => one === oid));
  } finally {
    await tx.query('rollback to savepoint plan');
  }
}

/** A key that stands in the table, because the planner sees through one that is NULL; empty tables have none. */
async function someKey(tx: Tx, { key, table }: Bound): Promise<readonly (string | null)[]> {
  const list = key.map(({ name }) => `${quote(name)}::text`).join(', ');
  return (await ask(tx, `select ${list} from ${table.quoted} limit 1`))[0] ?? key.map(() => null);
}

function wholeIn(plan: Node): string[] {
  const { 'Node Type': how, 'Relation Name': name, Schema: schema, Plans: below = [] } = plan;
  // An index that is read from end to end, for its order or its columns, is the table read whole by another name.
  const whole = how === 'Seq Scan' || (/^Index (Only )?Scan$/.test(how) && plan['Index Cond'] === undefined);
  const here = whole && name !== undefined && schema !== undefined ? [`${quote(schema)}.${quote(name)}`] : [];
  return [...here, ...below.flatMap(wholeIn)];
}
