import type { Caused } from '../find/ledger.ts';
import { clean, count } from './text.ts';

/** `update of public.orders by app (web), transaction 4711` and how sure that is. */
export function causeText({ xid, table, operation, role, application, others }: Caused): string {
  const who = role === undefined ? '' : ` by ${clean(role)}`;
  const what = application ? ` (${clean(application)})` : '';
  const unsure = others ? `, or one of ${count(others, 'transaction')} before it` : '';
  return `${operation} of ${clean(table)}${who}${what}, transaction ${xid}${unsure}`;
}
