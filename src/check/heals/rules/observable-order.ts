import type { Bound } from '../../../ask/bind.ts';
import type { Folder } from '../folder.ts';
import { look } from '../group.ts';
import { firstLine } from '../piece.ts';
import { type Found, type HealRule, found } from '../rule.ts';

/** Two upstreams, workers or programs that may be asked about one row, in any order: others see which came first. */
export const observableOrder: HealRule = {
  id: 'EK406',
  name: 'observable-order',
  async find(folder) {
    const all: Found[] = [];
    const asking = folder.bounds.filter(({ invariant }) =>
      invariant.heal.some(({ do: verb }) => verb === 'call' || verb === 'celery' || verb === 'claim'),
    );
    for (const [i, one] of asking.entries()) {
      for (const other of asking.slice(i + 1)) {
        if (one.table.oid === other.table.oid) all.push(...(await both(folder, one, other)));
      }
    }
    return all;
  },
};

async function both({ tx, locals, late }: Folder, one: Bound, other: Bound): Promise<Found[]> {
  const say = (severity: 'warning' | 'undecided', message: string, more: Partial<Found> = {}) => [
    found(one, firstLine(one.invariant.sql), severity, message, { with: [other], ...more }),
  ];
  const members = [locals.get(one.name), locals.get(other.name)].filter(local => local !== undefined);
  if (members.length < 2 || late())
    return say(
      'undecided',
      `whether ${one.name} and ${other.name} can ask others about one row: they look at more than the row`,
    );
  const { shown, proof, doubt } = await look(tx, members);
  const row = shown?.model.rows.find(n => shown.model.bad.every(bad => bad[n] === 1));
  if (shown && row !== undefined) {
    const message = `${one.name} and ${other.name} can both ask others about one row, in any order`;
    const fix = 'let their conditions exclude each other';
    return say('warning', message, { witness: shown.model.row(row), fix });
  }
  if (proof && !proof.model.rows.some(n => proof.model.bad.every(bad => bad[n] === 1))) return [];
  const why = doubt ?? 'it depends on conditions that could not be tried';
  return say('undecided', `whether ${one.name} and ${other.name} can ask others about one row: ${why}`);
}
