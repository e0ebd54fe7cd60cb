import type { Bound } from '../../../ask/bind.ts';
import { readRelations, resolve } from '../../../catalog/relation.ts';
import { type Tx, quote } from '../../../db/pool.ts';
import { fields } from '../../../watch/scope/ast.ts';
import { parseSelect, rangeVars } from '../../../watch/scope/parse.ts';
import { columnRefs, nodesOf } from '../../expression.ts';
import { possible } from '../../prove.ts';
import { acts, afterwards, lookingAt } from '../flow.ts';
import type { Folder } from '../folder.ts';
import type { Group } from '../group.ts';
import { targetsOf, written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { list } from '../show.ts';
import { disturbing } from '../triggers.ts';

/** A heal after which its own invariant is broken still: verification rolls it back, each time. */
export const ineffective: HealRule = {
  id: 'EK402',
  name: 'heal-ineffective',
  async find(folder) {
    const all: Found[] = [];
    for (const bound of folder.bounds.filter(acts)) {
      const group = folder.groups.find(({ members }) => members.some(({ name }) => name === bound.name));
      all.push(...(group ? tried(group, bound) : await reasoned(folder, bound)));
    }
    return all;
  },
};

function tried(group: Group, bound: Bound): Found[] {
  const by = group.members.findIndex(({ name }) => name === bound.name);
  const one = group.shown?.judgement.ineffective.find(failing => failing.by === by);
  const piece = written(bound);
  if (one && group.shown) {
    const always = one.always && group.doubt === undefined;
    const message = `after this heal the row is still broken${always ? ', whatever the row' : ''}`;
    const fix = 'write what the condition asks about, or leave these rows out';
    return [
      found(bound, piece, always ? 'error' : 'warning', message, {
        witness: group.shown.model.row(one.row),
        fix,
      }),
    ];
  }
  const open = group.proof ? group.proof.judgement.ineffective.some(failing => failing.by === by) : true;
  const why = group.doubt ?? 'it depends on conditions that could not be tried';
  return open ? [found(bound, piece, 'undecided', `whether the row is right after this heal: ${why}`)] : [];
}

/** Where more than the row is looked at: nothing that the query reads is written, or the row is out of its sight then. */
async function reasoned({ tx }: Folder, bound: Bound): Promise<Found[]> {
  const { invariant, table, sets } = bound;
  // A row that is gone is found by no query that starts from it; one that was missing is there.
  if (sets.length === 0) {
    return invariant.heal.some(({ do: verb }) => verb === 'append') &&
      !invariant.heal.some(({ do: verb }) => verb === 'remove')
      ? [
          found(
            bound,
            written(bound),
            'undecided',
            'whether the row is right after this heal: it hangs on the row that is inserted',
          ),
        ]
      : [];
  }
  const names = sets.map(({ name }) => name);
  const undecided = (why: string) => [
    found(bound, written(bound), 'undecided', `whether the row is right after this heal: ${why}`),
  ];
  const used = [...(bound.scope.names ?? table.columns.map(({ name }) => name))];
  const disturbed = await disturbing(tx, {
    oid: table.oid,
    columns: names,
    removes: false,
    used,
    shared: bound.touches.some(({ oid }) => oid === table.oid),
  });
  if (disturbed !== undefined) return undecided(disturbed);
  if (bound.scope.blind.some(one => one.table.endsWith('()')))
    return undecided('it calls a function that may look at the row');
  if (invariant.form === 'should') {
    if (invariant.source || !(await mentions(tx, invariant.sql, table.oid))) return [];
    const parsed = parseSelect(invariant.sql);
    const read = columnRefs([parsed]).map(parts => parts.at(-1));
    const all = [...nodesOf(parsed)].some(node => 'A_Star' in node);
    const met = names.filter(name => all || read.includes(name));
    return met.length > 0 ? undecided(`it may read ${list(met)}, which it writes`) : [];
  }
  const places = await lookingAt(tx, invariant.sql, table);
  const after = afterwards(bound);
  if (
    !places ||
    !after ||
    !ownKey(
      bound,
      places.map(({ source }) => source.alias),
    )
  )
    return undecided('it looks at other rows too, and what it writes is computed');
  for (const { source, parts } of places) {
    const verdict = await possible(tx, {
      table: source.table,
      alias: source.alias,
      parts: [...parts, ...after.map(one => one(source.alias))],
    });
    if (verdict.is !== 'proved')
      return undecided(verdict.is === 'undecided' ? verdict.why : 'it hangs on other rows');
  }
  return [];
}

/** Does the query name the table, or a view that may? */
async function mentions(tx: Tx, sql: string, oid: string): Promise<boolean> {
  for (const { schemaname, relname = '' } of rangeVars(parseSelect(sql))) {
    const found = await resolve(tx, schemaname ? `${quote(schemaname)}.${quote(relname)}` : quote(relname));
    if (found === undefined) continue;
    const relation = (await readRelations(tx, [found])).get(found);
    if (found === oid || relation?.kind === 'v' || relation?.kind === 'm') return true;
  }
  return false;
}

/** The key that it finds is that of the row which it looks at. */
function ownKey({ invariant, key }: Bound, aliases: readonly string[]): boolean {
  const targets = targetsOf(invariant.sql);
  const alone = rangeVars(parseSelect(invariant.sql)).length === 1;
  return key.every(({ name }) => {
    const value = targets.find(one => one.name === name)?.value;
    const path = value ? fields(value) : [];
    return (
      path.at(-1) === name &&
      (path.length === 1 ? alone : path.length === 2 && aliases.includes(path[0] ?? ''))
    );
  });
}
