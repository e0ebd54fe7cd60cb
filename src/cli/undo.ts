import type { Pool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key } from '../ask/ask.ts';
import { type UndoReport, undo } from '../journal/undo.ts';
import { byWhom } from './by.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { idsOf } from './numbers.ts';
import { clean, count } from '../show/text.ts';
import { wrap } from './text.ts';
import { since } from './since.ts';

/** `evenkeel undo` */
export async function run(call: Call): Promise<0 | 1> {
  const { args, given, config, out } = call;
  const entries = idsOf(args, 'journal');
  requirePlain(entries, call);
  const dryRun = given['dry-run'] === true;
  const report = await withPool(config, async pool => {
    if (entries.length > 0) return masked(pool, await undo(pool, { entries, dryRun }, byWhom(given)), call);
    const { invariant = '' } = given;
    const { rowCount } = await pool.query('select from evenkeel.entry where invariant = $1 limit 1', [
      invariant,
    ]);
    if (!rowCount) throw new EvenkeelError('no-such', `the journal has no entry of '${invariant}'`);
    const request = { invariant, since: await since(pool, given.since ?? ''), dryRun };
    return masked(pool, await undo(pool, request, byWhom(given)), call);
  });
  if (out.json) out.value({ dryRun, ...report });
  else for (const line of lines(report, dryRun, call)) out.line(line);
  return report.refused.length > 0 ? 1 : 0;
}

/** Either entries, or an invariant and a time: never everything by mistake. */
function requirePlain(entries: readonly string[], { given }: Call): void {
  const bulk = given.invariant !== undefined || given.since !== undefined;
  if (entries.length > 0 && bulk)
    throw new EvenkeelError('wrong-use', 'give entries, or --invariant and --since, not both');
  if (entries.length === 0 && (given.invariant === undefined || given.since === undefined)) {
    throw new EvenkeelError('wrong-use', '`undo` needs entries, or both --invariant and --since', {
      hint: 'Run `evenkeel journal` for the numbers of entries; --dry-run shows what an undo would do.',
    });
  }
}

/** The report tells no names of key columns: the journal knows them. */
async function masked(pool: Pool, { restored, refused }: UndoReport, { shown }: Call): Promise<UndoReport> {
  const { rows } = await pool.query<{ id: string; names: string[] }>(
    'select id, key_columns as names from evenkeel.entry where id = any($1)',
    [[...restored, ...refused].map(({ entry }) => entry)],
  );
  const names = new Map(rows.map(row => [row.id, row.names]));
  const keyOf = ({ entry, key }: { entry: string; key: Key }) => shown.maskKey(key, names.get(entry) ?? []);
  const one = (column: string, value: string | null) => shown.mask({ [column]: value })[column] ?? null;
  return {
    restored: restored.map(row => ({ ...row, key: keyOf(row) })),
    refused: refused.map(row => ({
      ...row,
      key: keyOf(row),
      conflicts: row.conflicts.map(({ column, wrote, now }) => ({
        column,
        wrote: one(column, wrote),
        now: one(column, now),
      })),
    })),
  };
}

function lines({ restored, refused }: UndoReport, dryRun: boolean, { out, shown }: Call): string[] {
  if (restored.length + refused.length === 0) return ['nothing to undo'];
  const text = restored.map(({ entry, table, key, columns }) => {
    const what = columns.length > 0 ? `  ${columns.map(clean).join(', ')}` : '';
    return `${out.paint('green', dryRun ? 'would restore' : 'restored')}  #${entry}  ${clean(table)}  ${shown.key(key)}${what}`;
  });
  for (const { entry, table, key, why, conflicts } of refused) {
    text.push(`${out.paint('yellow', 'refused')}  #${entry}  ${clean(table)}  ${shown.key(key)}`);
    text.push(...wrap(clean(why), out.columns - 4).map(part => `    ${part}`));
    for (const { column, wrote, now } of conflicts) {
      text.push(`    ${clean(column)}: wrote ${shown.value(column, wrote)}, now ${shown.value(column, now)}`);
    }
  }
  const left = dryRun ? 'nothing was written' : 'their subjects are left alone from now on';
  return [
    ...text,
    `${count(restored.length, 'row')} ${dryRun ? 'would be ' : ''}restored, ${refused.length} refused; ${left}`,
  ];
}
