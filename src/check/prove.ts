import { type Tx, ask, quote } from '../db/pool.ts';
import { conjuncts, names } from '../watch/scope/ast.ts';
import type { Node } from '../watch/scope/parse.ts';
import { candidates } from './candidates.ts';
import { columnRefs, nodesOf, parseCondition } from './expression.ts';
import { Fragment } from './fragment.ts';
import type { Check, Table } from './table.ts';
import type { Verdict } from './verdict.ts';

/** More combinations than these are not tried: what is too many is said. */
const mostCombinations = 1_000_000;

/** A condition on the rows of one table, in its own words; `alias` is what they call the table. */
export interface Condition {
  readonly table: Table;
  readonly alias: string;
  /** Joined by AND. */
  readonly parts: readonly string[];
}

/** Can a row of the table be for which the condition is true? Postgres decides: it alone knows what its words mean. */
export async function possible(tx: Tx, condition: Condition): Promise<Verdict> {
  await tx.query('savepoint question');
  try {
    const verdict = (await refuted(tx, condition)) ?? (await searched(tx, condition));
    await tx.query('release savepoint question');
    return verdict;
  } catch (error) {
    await tx.query('rollback to savepoint question');
    const { code } = error as { code?: string };
    if (code === undefined || !/^(22|42|57014|0A|54)/.test(code)) throw error;
    return {
      is: 'undecided',
      why: code === '57014' ? 'it took too long' : `Postgres could not evaluate it (${code})`,
    };
  }
}

const whole = (parts: readonly string[]): string => parts.map(part => `(${part}\n)`).join(' and ') || 'true';

/** By the planner, from validated constraints alone. */
async function refuted(tx: Tx, { table, alias, parts }: Condition): Promise<Verdict | undefined> {
  await tx.query('set local constraint_exclusion = on');
  const { rows } = await tx.query<{ 'QUERY PLAN': [{ Plan: Record<string, unknown> }] }>(
    `explain (format json) select from ${table.quoted} ${quote(alias)} where ${whole(parts)}`,
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  if (plan?.['Node Type'] !== 'Result' || plan['One-Time Filter'] !== 'false') return undefined;
  return { is: 'proved', by: reasons(table, parts.map(parseCondition)) };
}

/** By trying every value that could make a difference. */
async function searched(tx: Tx, { table, alias, parts }: Condition): Promise<Verdict> {
  const undecided = (why: string): Verdict => ({ is: 'undecided', why });
  if (table.related)
    return undecided(`${table.quoted} has partitions or children, whose rows were not searched`);
  const nodes = parts.map(parseCondition);
  const { used, checks } = tied(table, nodes);
  const columns = used.flatMap(name => table.columns.get(name) ?? []);
  if (columns.length < used.length) return undecided('it reads more than the columns of its table');
  const opaque = columns.find(column => column.opaque !== undefined);
  if (opaque) return undecided(`${opaque.name}: ${opaque.opaque}`);
  const conditions = [...nodes, ...checks.map(({ node }) => node)];
  const values = columns.map(column => candidates(column, conditions, columns));
  const combinations = values.reduce((product, list) => product * list.length, 1);
  if (combinations > mostCombinations) {
    return undecided(`${combinations} combinations of values are more than ${mostCombinations}`);
  }
  const from = columns.map(
    ({ name, type }, i) => `unnest($${i + 1}::text[]::${type}[]) u${i}(${quote(name)})`,
  );
  const rows = `select ${columns.map(({ name }) => quote(name)).join(', ')}${from.length > 0 ? ` from ${from.join(' cross join ')}` : ''}`;
  const look = async (parts: readonly string[], checks: readonly Check[]) => {
    const which = [...checks.map(({ text }) => `(${text}) is not false`), whole(parts)].join(' and ');
    const list = columns.map(({ name }) => `${quote(alias)}.${quote(name)}::text`).join(', ');
    return (
      await ask(tx, `select ${list} from (${rows}) ${quote(alias)} where ${which} limit 1`, [...values])
    )[0];
  };
  const row = await look(parts, checks);
  if (row) {
    return { is: 'witness', row: Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null])) };
  }
  const untried = columns.find(
    ({ kind }, i) => kind === 'other' && !values[i]?.some(value => value !== null),
  );
  if (untried) return undecided(`values of type ${untried.type} are not tried (${untried.name})`);
  const fragment = new Fragment(table, await immutable(tx, conditions));
  const obstacles = conditions.flatMap(node => [...conjuncts(node)].map(one => fragment.obstacle(one)));
  const obstacle = obstacles.find(one => one !== undefined);
  if (obstacle === undefined) return { is: 'proved', by: reasons(table, nodes) };
  // Without what can't be decided there are only more rows: none among more is none.
  const decided = parts.filter((_, i) => fragment.obstacle(nodes[i]) === undefined);
  const sound = checks.filter(({ node }) => fragment.obstacle(node) === undefined);
  if (decided.length === 0 || (await look(decided, sound))) return undecided(obstacle);
  return { is: 'proved', by: reasons(table, decided.map(parseCondition)) };
}

/** The columns of the condition, and those tied to them by checks, with these checks. */
function tied(table: Table, nodes: readonly Node[]): { used: string[]; checks: Check[] } {
  const used = new Set(columnRefs(nodes).map(parts => parts.at(-1) ?? ''));
  const checks = new Set<Check>();
  for (let before = -1; before !== checks.size;) {
    before = checks.size;
    for (const check of table.checks) {
      if (checks.has(check) || !check.columns.some(name => used.has(name))) continue;
      checks.add(check);
      for (const name of check.columns) used.add(name);
    }
  }
  return { used: [...used], checks: [...checks] };
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
function reasons(table: Table, nodes: readonly Node[]): string[] {
  const { used, checks } = tied(table, nodes);
  const columns = used.flatMap(name => table.columns.get(name) ?? []);
  const grounds = [
    ...checks.map(({ name, definition }) => `${name} ${definition}`),
    ...columns.flatMap(({ name, labels, type }) =>
      labels.length > 0 ? [`${name} ${type} (${labels.join(', ')})`] : [],
    ),
    ...columns.filter(({ nullable }) => !nullable).map(({ name }) => `${name} NOT NULL`),
  ];
  return grounds.length > 0 ? grounds : ['the condition itself'];
}
