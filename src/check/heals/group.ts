import { type Tx, ask, describe, isDown, sqlState } from '../../db/pool.ts';
import { columnRefs } from '../expression.ts';
import { Fragment } from '../fragment.ts';
import { immutable } from '../prove.ts';
import { type Judgement, judge } from './judge.ts';
import type { Local } from './local.ts';
import { type Model, tryOut } from './model.ts';
import { layOut } from './space.ts';
import { disturbing } from './triggers.ts';

/** Row-local invariants of one table whose heals can matter to each other, and what is known of them. */
export interface Group {
  readonly members: readonly Local[];
  /** Tried with values: what it shows can be. Undefined: it could not be tried. */
  readonly shown: Tried | undefined;
  /** Tried with whatever can't be decided assumed: what it doesn't show can't be. Undefined: there is a doubt. */
  readonly proof: Tried | undefined;
  /** Why what isn't shown may be all the same; undefined: it can't. */
  readonly doubt: string | undefined;
}

export interface Tried {
  readonly model: Model;
  readonly judgement: Judgement;
}

/** Which of them belong together: one writes what the other reads, writes, or shares a constraint with. */
export function together(locals: readonly Local[]): Local[][] {
  const groups: Local[][] = [];
  for (const local of locals) {
    const near = groups.filter(group => group.some(one => meets(one, local)));
    for (const group of near) groups.splice(groups.indexOf(group), 1);
    groups.push([...near.flat(), local].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
  return groups;
}

function meets(a: Local, b: Local): boolean {
  if (a.table.oid !== b.table.oid) return false;
  return affects(a, b) || affects(b, a);
}

function affects(a: Local, b: Local): boolean {
  const written = [...a.sets.keys()];
  const tied = a.table.checks
    .filter(({ columns }) => columns.some(name => written.includes(name)))
    .flatMap(({ columns }) => columns);
  const reads = b.leaves.flatMap(({ columns }) => columns);
  const writes = [...b.sets].flatMap(([name, value]) => [
    name,
    ...columnRefs(value).map(parts => parts.at(-1) ?? ''),
  ]);
  return (
    written.some(name => reads.includes(name) || writes.includes(name)) ||
    [...b.sets.keys()].some(name => tied.includes(name))
  );
}

/** Lays out the rows, tries the heals on them, and says how far what they show can be trusted. */
export async function look(tx: Tx, members: readonly Local[]): Promise<Group> {
  const [first] = members;
  if (!first) throw new Error('a group of no invariants');
  const { table } = first;
  const nodes = members.flatMap(({ leaves, sets }) => [...leaves.map(({ node }) => node), ...sets.values()]);
  const constraints = table.checks.map(({ node }) => node);
  // What can't be tried is noticed where the rows are laid out.
  const fragment = new Fragment(
    table.columns,
    constraints,
    await immutable(tx, [...nodes, ...constraints]),
    new Set(),
  );
  const doubts: string[] = [];
  if (table.related) doubts.push(`${table.quoted} has partitions or children, whose constraints are theirs`);
  const disturbed = await disturbing(tx, {
    oid: table.oid,
    columns: members.flatMap(({ sets }) => [...sets.keys()]),
    removes: members.some(({ does }) => does === 'remove'),
    used: [...members.flatMap(({ leaves }) => leaves), ...table.checks].flatMap(({ columns }) => columns),
    shared: members.some(({ bound }) => bound.touches.some(({ oid }) => oid === table.oid)),
  });
  if (disturbed !== undefined) doubts.push(disturbed);
  const unproved = await unvalidated(tx, members);
  if (unproved !== undefined) doubts.push(unproved);
  const asks = members.flatMap(({ bound }) => bound.scope.blind).find(one => one.table.endsWith('()'));
  if (asks) doubts.push(`${asks.table}: ${asks.why}`);

  const assumed = layOut(table, members, fragment, true);
  if (assumed.doubt !== undefined) doubts.push(assumed.doubt);
  const rich = (assumed.space?.assumed.size ?? 1) > 0;
  const tried = layOut(table, members, fragment, false);
  const shown = tried.space && (await attempt(tx, members, tried.space, doubts));
  // Where nothing is assumed, both are the same.
  const proof =
    doubts.length > 0 || !assumed.space
      ? undefined
      : rich
        ? await attempt(tx, members, assumed.space, doubts)
        : shown;
  const escaped = proof?.judgement.outside[0];
  if (escaped !== undefined)
    doubts.push(`what ${members[escaped]?.name} writes leads to values that were not tried`);
  const [doubt] = doubts;
  return { members, shown, proof: doubt === undefined ? proof : undefined, doubt };
}

/** A constraint that isn't validated says nothing of rows that are, and refuses what is written all the same. */
async function unvalidated(tx: Tx, members: readonly Local[]): Promise<string | undefined> {
  const [row] = await ask(
    tx,
    `select c.conname from pg_constraint c
      where c.conrelid = $1 and c.contype in ('c', 'n') and not c.convalidated
        and exists (select from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any(c.conkey) and a.attname = any($2))
      order by 1 limit 1`,
    [members[0]?.table.oid, members.flatMap(({ sets }) => [...sets.keys()])],
  );
  return row && `${row[0]} is not validated, and may refuse what is written`;
}

async function attempt(
  tx: Tx,
  members: readonly Local[],
  space: Model['space'],
  doubts: string[],
): Promise<Tried | undefined> {
  await tx.query('savepoint tried');
  try {
    const model = await tryOut(tx, members, space);
    await tx.query('release savepoint tried');
    return { model, judgement: judge(model) };
  } catch (error) {
    if (isDown(error) || sqlState(error) === undefined) throw error;
    await tx.query('rollback to savepoint tried');
    doubts.push(
      sqlState(error) === '57014' ? 'it took too long' : `on made-up rows Postgres says: ${describe(error)}`,
    );
    return undefined;
  }
}
