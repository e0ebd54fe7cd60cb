import type { Bound } from '../../../ask/bind.ts';
import { type Edge, acts } from '../flow.ts';
import type { Group } from '../group.ts';
import { written } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';
import { list, trace } from '../show.ts';

/** Heals that undo each other, round and round. */
export const oscillation: HealRule = {
  id: 'EK403',
  name: 'oscillation',
  find: ({ groups, edges }) => [
    ...groups.flatMap(inGroup),
    ...knots(edges)
      .filter(knot => !knot.edges.every(({ known }) => known))
      .map(tied),
  ],
};

function inGroup(group: Group): Found[] {
  const { members, shown, proof, doubt } = group;
  const acting = members.filter(({ does }) => does !== 'nothing');
  const rounds = shown?.judgement.rounds ?? [];
  if (shown && rounds.length > 0) {
    return rounds.flatMap(({ members: parts, steps }) => {
      const [first, ...others] = parts.flatMap(n => members[n]?.bound ?? []);
      if (!first) return [];
      const message = `the heals of ${list([first, ...others].map(({ name }) => name))} undo each other`;
      const start = steps[0]?.from ?? 0;
      return found(first, written(first), doubt === undefined ? 'error' : 'warning', message, {
        with: others,
        witness: shown.model.row(start),
        trace: trace(shown.model, steps),
        fix: 'let their conditions exclude each other, or make them one invariant',
      });
    });
  }
  const [first, ...others] = acting.map(({ bound }) => bound);
  if (!first || others.length === 0) return [];
  const open = proof ? proof.judgement.rounds.length > 0 : true;
  const why = doubt ?? 'it depends on conditions that could not be tried';
  const message = `whether the heals of ${list(acting.map(({ name }) => name))} come to rest: ${why}`;
  return open ? [found(first, written(first), 'undecided', message, { with: others })] : [];
}

/** Invariants that lead to each other by what they write and read. */
function knots(edges: readonly Edge[]): { bounds: Bound[]; edges: Edge[] }[] {
  const moving = edges.filter(({ to }) => acts(to));
  const reach = (from: Bound): Set<Bound> => {
    const seen = new Set<Bound>();
    const walk = (at: Bound) => {
      for (const { from: a, to } of moving) {
        if (a !== at || seen.has(to)) continue;
        seen.add(to);
        walk(to);
      }
    };
    walk(from);
    return seen;
  };
  const all = [...new Set(moving.map(({ from }) => from))].sort((a, b) => (a.name < b.name ? -1 : 1));
  const reached = new Map(all.map(bound => [bound, reach(bound)]));
  const done = new Set<Bound>();
  return all.flatMap(bound => {
    if (done.has(bound) || !reached.get(bound)?.has(bound)) return [];
    const bounds = all.filter(
      other => other === bound || (reached.get(bound)?.has(other) && reached.get(other)?.has(bound)),
    );
    for (const one of bounds) done.add(one);
    return [{ bounds, edges: moving.filter(({ from, to }) => bounds.includes(from) && bounds.includes(to)) }];
  });
}

function tied({ bounds, edges }: { bounds: Bound[]; edges: Edge[] }): Found {
  const [first, ...others] = bounds as [Bound, ...Bound[]];
  const message = `whether the heals of ${list(bounds.map(({ name }) => name))} come to rest: each writes what another reads`;
  return found(first, written(first), 'undecided', message, { with: others, trace: edges.map(told) });
}

/** An edge in words. */
export const told = ({ from, to, table, columns }: Edge): string =>
  `${from.name} writes ${columns ? `${list(columns)} of ${table.quoted}` : `rows of ${table.quoted}`}, which ${to.name} reads`;
