import type { Bound } from '../../ask/bind.ts';
import type { Tx } from '../../db/pool.ts';
import { type Edge, edgesOf } from './flow.ts';
import { type Group, look, together } from './group.ts';
import { type Local, localOf } from './local.ts';

/** All invariants together, and what is known of how their heals meet. */
export interface Folder {
  readonly tx: Tx;
  readonly bounds: readonly Bound[];
  readonly locals: ReadonlyMap<string, Local>;
  /** Each row-local invariant stands in one. */
  readonly groups: readonly Group[];
  /** Who writes what who else reads, wherever no group knows better. */
  readonly edges: readonly Edge[];
  /** The time for it is over. */
  readonly late: () => boolean;
}

export async function openFolder(tx: Tx, bounds: readonly Bound[], late: () => boolean): Promise<Folder> {
  const locals = new Map<string, Local>();
  for (const bound of bounds) {
    const local = await localOf(tx, bound);
    if (typeof local !== 'string') locals.set(bound.name, local);
  }
  const groups: Group[] = [];
  for (const members of together([...locals.values()])) {
    groups.push(
      late()
        ? { members, shown: undefined, proof: undefined, doubt: 'there was no time left' }
        : await look(tx, members),
    );
  }
  const edges = [...groups.flatMap(within), ...(await edgesOf(tx, bounds, locals, late))];
  return { tx, bounds, locals, groups, edges, late };
}

/** Which members lead to which: as it was proved, or else each that acts to every other. */
function within({ members, proof }: Group): Edge[] {
  return members.flatMap((one, by) =>
    members.flatMap((other, breaks): Edge[] => {
      const leads = proof
        ? proof.judgement.breaks.some(found => found.by === by && found.breaks === breaks)
        : one.does !== 'nothing' && one !== other;
      const { bound } = one;
      return leads
        ? [{ from: bound, to: other.bound, table: bound.table, columns: [...one.sets.keys()], known: true }]
        : [];
    }),
  );
}
