import { type Tx, ask, quote } from '../db/pool.ts';
import { conjuncts, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import type { Source } from './constraint.ts';
import { nodesOf } from './expression.ts';
import { Fragment } from './fragment.ts';
import { type Model, modelOf } from './model.ts';
import { type Row, type Space, spaceOf } from './search.ts';
import { armsOf } from './split.ts';
import type { Table } from './table.ts';
import type { Verdict } from './verdict.ts';

/** More combinations than these are not tried: what is too many is said. */
const mostCombinations = 1_000_000;

/** A condition on the rows of one table, in its own words; `alias` is what they call the table. */
export interface Condition {
  readonly table: Table;
  readonly alias: string;
  /** Joined by AND. */
  readonly parts: readonly string[];
  /** Other tables that it speaks of; what joins them is among the parts. */
  readonly beside?: readonly Source[];
}

/** Can there be rows for which the condition is true? Postgres decides: it alone knows what its words mean. */
export async function possible(tx: Tx, condition: Condition): Promise<Verdict> {
  await tx.query('savepoint question; set local constraint_exclusion = on');
  try {
    const verdict = (await refuted(tx, condition)) ?? (await searched(tx, condition));
    const told = verdict.is === 'undecided' ? await byArms(tx, condition) : undefined;
    await tx.query('release savepoint question');
    return told ?? verdict;
  } catch (error) {
    await tx.query('rollback to savepoint question; release savepoint question');
    const { code } = error as { code?: string };
    if (code === undefined || !/^(22|42|57014|0A|54)/.test(code)) throw error;
    return {
      is: 'undecided',
      why: code === '57014' ? 'it took too long' : `Postgres could not evaluate it (${code})`,
    };
  }
}

const undecided = (why: string): Verdict => ({ is: 'undecided', why });
const sourcesOf = ({ table, alias, beside = [] }: Condition): Source[] => [{ table, alias }, ...beside];
const whole = (parts: readonly string[]): string => parts.map(part => `(${part}\n)`).join(' and ') || 'true';

/** By the planner, from validated constraints alone. */
async function refuted(tx: Tx, condition: Condition): Promise<Verdict | undefined> {
  const sources = sourcesOf(condition);
  // That no partition takes a row today proves nothing: the next one may be made tomorrow.
  if (sources.some(({ table }) => table.split)) return undefined;
  const from = sources.map(({ table, alias }) => `${table.quoted} ${quote(alias)}`).join(' cross join ');
  const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Record<string, unknown> }] }>(
    `explain (format json) select from ${from} where ${whole(condition.parts)}`,
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  if (plan?.['Node Type'] !== 'Result' || plan['One-Time Filter'] !== 'false') return undefined;
  const model = await modelOf(tx, sources, condition.parts);
  return { is: 'proved', by: model ? reasons(model, model.constraints) : ['the condition itself'] };
}

/** An OR is impossible if each of its arms is, and possible if one of them is. */
async function byArms(tx: Tx, condition: Condition): Promise<Verdict | undefined> {
  const at = condition.parts.findIndex(part => armsOf(part).length > 1);
  const part = condition.parts[at];
  const arms = part === undefined ? [] : armsOf(part);
  if (arms.length === 0 || arms.length > 8) return undefined;
  const by = new Set<string>();
  let open = false;
  for (const arm of arms) {
    const verdict = await possible(tx, { ...condition, parts: condition.parts.with(at, arm) });
    if (verdict.is === 'witness') return verdict;
    if (verdict.is === 'undecided') open = true;
    else verdict.by.forEach(ground => by.add(ground));
  }
  return open ? undefined : { is: 'proved', by: [...by] };
}

/** By trying every value that could make a difference. */
async function searched(tx: Tx, condition: Condition): Promise<Verdict> {
  const { parts } = condition;
  const model = await modelOf(tx, sourcesOf(condition), parts);
  if (!model) return undecided('it reads more than the columns of its table');
  const opaque = [...model.columns.values()].find(({ column }) => column.opaque !== undefined)?.column;
  if (opaque) return undecided(`${opaque.name}: ${opaque.opaque}`);
  const space = spaceOf(model);
  const { combinations } = space;
  if (combinations > mostCombinations)
    return undecided(`${combinations} combinations of values are more than ${mostCombinations}`);
  const row = await witness(tx, model, space, parts);
  if (row) {
    const [doubt] = model.unsure;
    return doubt === undefined ? { is: 'witness', row: shown(model, row) } : undecided(doubt);
  }
  const certain = model.constraints.filter(({ loose }) => loose !== undefined);
  const fragment = new Fragment(
    new Map([...model.columns].map(([id, { column }]) => [id, column])),
    certain.flatMap(({ nodes }) => nodes),
    await immutable(tx, [...model.parts, ...certain.flatMap(({ nodes }) => nodes)]),
    space.untried,
  );
  const obstacle = (nodes: readonly Node[]) =>
    nodes
      .flatMap(node => [...conjuncts(node)].map(one => fragment.obstacle(one)))
      .find(one => one !== undefined);
  // Without what can't be decided there are only more rows: none among more is none.
  const decided = parts.filter((_, i) => obstacle([model.parts[i] as Node]) === undefined);
  const sound = certain.filter(({ nodes }) => obstacle(nodes) === undefined);
  const why = obstacle([...model.parts, ...certain.flatMap(({ nodes }) => nodes)]);
  if (decided.length === 0 && sound.length === 0) return undecided(why ?? 'there is nothing to decide it by');
  if (await space.first(tx, sound, 'loose', decided))
    return undecided(why ?? 'NULL can get round the NOT NULL of a domain, or past children of the table');
  return { is: 'proved', by: reasons(model, sound) };
}

/** What can't be computed of bounds and infinities is tried without them. */
async function witness(
  tx: Tx,
  { constraints }: Model,
  space: Space,
  parts: readonly string[],
): Promise<Row | undefined> {
  try {
    return await space.first(tx, constraints, 'strict', parts);
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith('22')) throw error;
    await tx.query('rollback to savepoint question');
    return space.first(tx, constraints, 'strict', parts, true);
  }
}

/** By column; by table and column where there are several. */
function shown({ columns, sources }: Model, row: Row): Record<string, string | null> {
  return Object.fromEntries(
    [...row].map(([id, value]) => {
      const { source, column } = columns.get(id) ?? {};
      const name = column?.name ?? id;
      return [sources.length > 1 ? `${source?.alias}.${name}` : name, value];
    }),
  );
}

/** Functions that give the same for the same, whichever of their namesakes is meant. */
export async function immutable(tx: Tx, conditions: readonly Node[]): Promise<ReadonlySet<string>> {
  const called = [...nodesOf(conditions)].flatMap(node =>
    'FuncCall' in node ? (names(node.FuncCall.funcname).at(-1) ?? []) : [],
  );
  if (called.length === 0) return new Set();
  const rows = await ask(
    tx,
    `select proname::text from pg_proc where proname = any($1) group by proname having bool_and(provolatile = 'i' and prokind = 'f')`,
    [called],
  );
  return new Set(rows.map(([name]) => name ?? ''));
}

/** What the schema says of the columns in question: the grounds of a proof. */
function reasons({ columns }: Model, constraints: Model['constraints']): string[] {
  const all = [...columns].map(([id, { column }]) => ({ id, ...column }));
  const grounds = new Set([
    ...constraints.map(({ ground }) => ground),
    ...all.flatMap(({ name, labels, type }) =>
      labels.length > 0 ? [`${name} ${type} (${labels.join(', ')})`] : [],
    ),
    ...all.flatMap(({ name, generated }) => (generated ? [`${name} GENERATED AS (${generated.text})`] : [])),
    ...all.filter(({ nullable }) => !nullable).map(({ name }) => `${name} NOT NULL`),
  ]);
  grounds.delete('');
  return grounds.size > 0 ? [...grounds] : ['the condition itself'];
}
