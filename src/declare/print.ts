import { quote } from './names.ts';
import type { LimitName, Remedy } from './remedy.ts';
import { durationText } from './values.ts';

/** Remedies as they stand in a header; '' where a person decides. */
export function printRemedies(remedies: readonly Remedy[]): string {
  return remedies.map(printRemedy).join('; ');
}

function printRemedy(remedy: Remedy): string {
  switch (remedy.do) {
    case 'set':
      return remedy.columns === 'all' ? 'set' : `set ${remedy.columns.map(quote).join(', ')}`;
    case 'assign': {
      // No header can hold it; this is for reading.
      const values = Object.entries(remedy.values).map(
        ([column, value]) =>
          `${quote(column)} = ${value === null ? 'null' : `'${value.replaceAll("'", "''")}'`}`,
      );
      return `set ${values.join(', ')}`;
    }
    case 'append':
      return `insert ${remedy.table}(${remedy.columns.map(quote).join(', ')})`;
    case 'park':
      return `park ${remedy.reason}`;
    case 'call':
      return `call ${remedy.handler}`;
    case 'claim':
      return `claim${under(remedy.limit)}`;
    case 'celery': {
      const { task, args = [], kwargs = {}, queue, limit, withinMs, priority } = remedy;
      const named = Object.entries(kwargs).map(([name, column]) => `${name} = ${quote(column)}`);
      const given = [...args.map(quote), ...named].join(', ');
      const rank = priority === undefined ? '' : ` priority ${priority}`;
      return `celery ${task}(${given}) on ${queue}${under(limit)} within ${durationText(withinMs)}${rank}`;
    }
    default:
      return remedy.do;
  }
}

const under = (limit: LimitName | undefined): string =>
  limit === undefined ? '' : ` limit ${typeof limit === 'string' ? limit : limit.name}`;
