import type { Bound } from '../../../ask/bind.ts';
import { resolve } from '../../../catalog/relation.ts';
import { ask, quote } from '../../../db/pool.ts';
import { fields } from '../../../watch/scope/ast.ts';
import { type Node, parseSelect } from '../../../watch/scope/parse.ts';
import { nodesOf } from '../../expression.ts';
import { isNull } from '../assignment.ts';
import type { Folder } from '../folder.ts';
import { targetsOf, written } from '../piece.ts';
import { type Found, found } from '../rule.ts';

/**
 * Whether a foreign key takes what is written hangs on other tables' rows, unless it is NULL or comes from the very column
 * that the key points to.
 */
export async function foreign({ tx }: Folder, bound: Bound): Promise<Found[]> {
  const names = bound.sets.map(({ name }) => name);
  const keys = await ask(
    tx,
    `select c.conname, c.confrelid::int8, c.confrelid::regclass::text, a.attname, f.attname
       from pg_constraint c
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
       join pg_attribute f on f.attrelid = c.confrelid and f.attnum = c.confkey[1]
      where c.conrelid = $1 and c.contype = 'f' and c.conparentid = 0
        and exists (select from pg_attribute w where w.attrelid = c.conrelid and w.attnum = any(c.conkey) and w.attname = any($2))
      order by c.conname`,
    [bound.table.oid, names],
  );
  const targets = targetsOf(bound.invariant.sql);
  const all: Found[] = [];
  for (const [name, to, shown, column = '', pointed] of keys) {
    const value = targets.find(one => one.name === column)?.value;
    if (
      value &&
      (isNull(value) || (await comesFrom(tx, bound.invariant.sql, value, to ?? '', pointed ?? '')))
    )
      continue;
    const message = `whether ${shown} has the row that ${name} asks for hangs on its rows, which are not looked at`;
    all.push(found(bound, written(bound, [column ?? '']), 'undecided', message));
  }
  return all;
}

/** Whether another row holds the same already hangs on the rows, unless NULL is written, which is like no other. */
export async function unique({ tx }: Folder, bound: Bound): Promise<Found[]> {
  const targets = targetsOf(bound.invariant.sql);
  const nulls = bound.sets
    .map(({ name }) => name)
    .filter(name => isNull(targets.find(one => one.name === name)?.value));
  // Expressions and predicates of an index are known by what it depends on.
  const indexes = await ask(
    tx,
    `select i.indexrelid::regclass::text, min(a.attname)
       from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attname = any($2)
      where i.indrelid = $1 and (i.indisunique or i.indisexclusion)
        and (a.attnum = any(i.indkey::int2[]) or exists (select from pg_depend d where d.classid = 'pg_class'::regclass
               and d.objid = i.indexrelid and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
        and not exists (select from pg_attribute n where n.attrelid = i.indrelid and n.attnum = any(i.indkey::int2[])
               and n.attname = any($3) and to_jsonb(i) ->> 'indnullsnotdistinct' = 'false')
      group by 1 order by 1`,
    [bound.table.oid, bound.sets.map(({ name }) => name), nulls],
  );
  return indexes.map(([name, column]) => {
    const message = `whether another row stands in the way, by ${name}, hangs on the rows, which are not looked at`;
    return found(bound, written(bound, [column ?? '']), 'undecided', message);
  });
}

async function comesFrom(
  tx: Folder['tx'],
  sql: string,
  value: Node,
  oid: string,
  column: string,
): Promise<boolean> {
  const path = fields(value);
  if (path.at(-1) !== column) return false;
  const named = [...nodesOf(parseSelect(sql).fromClause)].flatMap(node =>
    'RangeVar' in node ? [node.RangeVar] : [],
  );
  const hits = named.filter(
    ({ alias, relname }) => path.length < 2 || (alias?.aliasname ?? relname) === path[0],
  );
  const [hit] = hits;
  if (hits.length !== 1 || !hit?.relname) return false;
  const written = hit.schemaname ? `${quote(hit.schemaname)}.${quote(hit.relname)}` : quote(hit.relname);
  return (await resolve(tx, written)) === oid;
}
