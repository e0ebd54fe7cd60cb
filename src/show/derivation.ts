import type { Unfollowed } from '../watch/capture/plan.ts';
import type { Asked, Derivation, Table } from '../watch/derivation.ts';
import { count, grouped } from './text.ts';

/** `public.order_lines: order_id → public.orders.id → its customer_id` */
export function waysOf({ table, ways }: Table): string[] {
  if (ways.length === 0) return [`${table}: leads to no key`];
  return ways.map(({ columns, through, where }) => {
    const hops = through.map(({ table, enters, leaves }) => {
      const at = enters.length === 1 ? `.${enters.join()}` : ` (${enters.join(', ')})`;
      return ` → ${table}${at}${enters.join() === leaves.join() ? '' : ` → its ${leaves.join(', ')}`}`;
    });
    const only = where.length > 0 ? ` where ${where.join(' and ')}` : '';
    return `${table}: ${columns.join(', ')}${hops.join('')}${only}`;
  });
}

export function followed({ unfollowed, tables }: Derivation): string[] {
  const told = ({ table, why }: Unfollowed) => `${table}: ${why}`;
  const slotOnly = unfollowed.slot.filter(
    one => !unfollowed.triggers.some(other => other.table === one.table && other.why === one.why),
  );
  const ddl = tables.flatMap(one => one.ddl);
  return [
    ...(unfollowed.triggers.length === 0
      ? [slotOnly.length === 0 ? 'every change, by triggers and by a slot' : 'every change, by triggers']
      : ['not all; sweeping finds the rest:', ...unfollowed.triggers.map(told)]),
    ...(slotOnly.length > 0 ? ['not by a slot, as things are:', ...slotOnly.map(told)] : []),
    ...(ddl.length > 0 ? ['what would mend that:', ...ddl.map(one => `${one};`)] : []),
  ];
}

export const balancedAs = 'only of keys whose sums a transaction did not keep in step';

export function forms({ form, costs: { lateral, any, whole } }: Asked): string[] {
  const how = {
    lateral: 'key by key, through indexes',
    any: 'all waiting keys in one go',
    sweep: 'as a whole, by sweeping',
  };
  const cost = (n: number) => grouped(Math.ceil(n));
  return [
    how[form],
    `cost as Postgres expects it: ${cost(lateral)} a key by itself, ${cost(any)} some in one go, ${cost(whole)} all`,
  ];
}

export function scans({ scans }: Asked): string[] {
  return scans.flatMap(({ how, table, index, rows, hint }) => [
    `${how} of ${table}${index === null ? '' : ` by ${index}`}: ${count(Math.ceil(rows), 'row')}`,
    ...(hint === null ? [] : [`it ${hint}`]),
  ]);
}
