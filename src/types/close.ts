/**
 * Union by proof: a column holds one of some literals only where the prover refutes that it holds anything else.
 *
 * The literals are those that the constraints speak of. That there are no others is never read from the form of a
 * constraint: it is asked whether there can be a row in which the column is none of them.
 */
import { literal, nodesOf } from '../check/expression.ts';
import type { Check } from '../check/table.ts';
import { type Tx, quote } from '../db/pool.ts';
import { type Ground, groundOf } from './ground.ts';
import type { Field, Shape } from './read.ts';

export interface Closed {
  /** As Postgres prints them. */
  readonly values: readonly string[];
  /** Names of the constraints that prove it. */
  readonly by: readonly string[];
}

export interface Closing {
  readonly closed: ReadonlyMap<string, Closed>;
  /** Columns of a view that never are NULL. */
  readonly filled: ReadonlySet<string>;
  /** Columns whose constraints list values, and why these could not be proved to be all. */
  readonly open: ReadonlyMap<string, string>;
  /** Constraints that are not validated or not enforced. */
  readonly unused: readonly string[];
}

/** More literals than these are no union that a person reads. */
const most = 100;
/** `between 1 and 5` speaks of what is between, too, up to so many. */
const widest = 32;

/** Asks of every column of a table or view. */
export async function close(tx: Tx, shape: Shape): Promise<Closing> {
  const closed = new Map<string, Closed>();
  const filled = new Set<string>();
  const open = new Map<string, string>();
  const ground = await groundOf(tx, shape);
  if (!ground) return { closed, filled, open, unused: [] };
  for (const field of shape.columns) {
    if (shape.kind === 'view' && (await ground.ask(`${quote(field.name)} is null`)).is === 'proved')
      filled.add(field.name);
    const found = await unionOf(ground, field);
    if (found === undefined) continue;
    if ('values' in found) closed.set(field.name, await proved(ground, field, found.values));
    else if (shape.kind !== 'view') open.set(field.name, found.why);
  }
  return { closed, filled, open, unused: ground.unused };
}

/** Undefined: it isn't closed, or no further than its type is. */
async function unionOf(
  ground: Ground,
  field: Field,
): Promise<{ values: string[] } | { why: string } | undefined> {
  if (!field.closable || field.array || field.nested) return undefined;
  const column = quote(field.name);
  const finite = field.type.labels ?? (field.type.name === 'bool' ? ['true', 'false'] : undefined);
  const checks = ground.checksOf(field.name);
  if (checks.length === 0) return undefined;
  const values = finite ?? literalsOf(field, checks);
  if (values.length === 0) return undefined;
  if (values.length > most) return { why: `${values.length} values are more than ${most}` };
  if (!finite) {
    const verdict = await ground.ask(`${column} not in (${values.map(text).join(', ')})`);
    if (verdict.is === 'undecided') return { why: verdict.why };
    if (verdict.is === 'witness') return undefined;
  }
  const alive: string[] = [];
  for (const value of values) {
    if ((await ground.ask(`${column} = ${text(value)}`)).is !== 'proved') alive.push(value);
  }
  return alive.length === 0 || (finite && alive.length === finite.length) ? undefined : { values: alive };
}

/** By the one constraint that proves it alone, or all that speak of the column. */
async function proved(ground: Ground, field: Field, values: readonly string[]): Promise<Closed> {
  const checks = ground.checksOf(field.name);
  const alike = (found: readonly string[]) =>
    found.length === values.length && found.every(one => values.includes(one));
  for (const check of checks) {
    const alone = ground.only?.(check);
    const found = alone && (await unionOf(alone, field));
    if (found && 'values' in found && alike(found.values)) return { values, by: [check.name] };
  }
  if (ground.only) return { values, by: checks.map(({ name }) => name) };
  // Which column a view shows isn't known: those that list all of these values, in their order.
  const lists = checks.map(check => ({ name: check.name, own: literalsOf(field, [check]) }));
  const whole = lists.filter(({ own }) => values.every(one => own.includes(one)));
  const speaking = lists.filter(({ own }) => own.some(one => (field.type.labels ?? values).includes(one)));
  return {
    values: whole[0]?.own.filter(one => values.includes(one)) ?? values,
    by: (whole.length > 0 ? whole : speaking.length > 0 ? speaking : lists).map(({ name }) => name),
  };
}

/** Once each, in the order of the constraints; numbers in their own. */
function literalsOf({ type }: Field, checks: readonly Check[]): string[] {
  const found = checks.flatMap(({ node }) =>
    [...nodesOf(node)].flatMap(one => ('A_Const' in one ? (literal(one) ?? []) : [])),
  );
  if (type.name.startsWith('int')) return numbers(found);
  const length = type.name === 'bpchar' ? Number(/\((\d+)\)/.exec(type.written)?.[1] ?? 1) : 0;
  return [...new Set(found.map(one => padded(one, length)))];
}

/** How a char(n) comes back. */
function padded(value: string, length: number): string {
  if (length === 0) return value;
  const bare = value.replace(/ +$/, '');
  return bare + ' '.repeat(Math.max(0, length - Array.from(bare).length));
}

function numbers(found: readonly string[]): string[] {
  const own = [...new Set(found.filter(one => /^-?\d{1,18}$/.test(one)).map(BigInt))].sort((a, b) =>
    a < b ? -1 : 1,
  );
  const [least = 0n] = own;
  const greatest = own.at(-1) ?? 0n;
  if (own.length < 2 || greatest - least >= BigInt(widest)) return own.map(String);
  return Array.from({ length: Number(greatest - least) + 1 }, (_, i) => String(least + BigInt(i)));
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
