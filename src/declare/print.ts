import type { Remedy } from './remedy.ts';

/** Remedies as they stand in a header; '' where a person decides. */
export function printRemedies(remedies: readonly Remedy[]): string {
  return remedies.map(printRemedy).join('; ');
}

export function printRemedy(remedy: Remedy): string {
  switch (remedy.do) {
    case 'set':
      return remedy.columns === 'all' ? 'set' : `set ${remedy.columns.map(print).join(', ')}`;
    case 'assign':
      return `set ${Object.keys(remedy.values).map(print).join(', ')}`;
    case 'append':
      return `insert ${remedy.table}(${remedy.columns.map(print).join(', ')})`;
    case 'park':
      return `park ${remedy.reason}`;
    default:
      return remedy.do;
  }
}

const print = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
