import { quote } from './names.ts';
import type { Remedy } from './remedy.ts';

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
      return remedy.limit
        ? `claim limit ${typeof remedy.limit === 'string' ? remedy.limit : remedy.limit.name}`
        : 'claim';
    default:
      return remedy.do;
  }
}
