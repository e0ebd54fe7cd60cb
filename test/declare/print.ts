import { printRemedies } from '../../src/declare/print.ts';
import { quote } from '../../src/declare/names.ts';
import { durationText } from '../../src/declare/values.ts';
import type { Invariant } from '../../src/declare/invariant.ts';

/** The `.sql` file that declares the invariant: what `parse` reads back. */
export function print(invariant: Invariant): string {
  const { form, says, on, key, heal, mode, guard, graceMs, everyMs, touches, sql } = invariant;
  const header = [
    ['evenkeel', form],
    ['says', says],
    ['on', on.where === undefined ? on.table : `${on.table} where ${on.where}`],
    ['key', key?.map(quote).join(', ')],
    ['heal', printRemedies(heal) || undefined],
    ['mode', mode],
    ['guard', guard === null ? 'none' : `${guard}/hour`],
    ['grace', durationText(graceMs)],
    ['every', everyMs === undefined ? undefined : durationText(everyMs)],
    ['touches', touches.join(', ') || undefined],
  ];
  const lines = header
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `-- ${name}: ${value}`);
  return `${lines.join('\n')}\n${sql};\n`;
}
