import { type Tx, ask } from '../../../db/pool.ts';
import type { Operation, Watched } from '../capture.ts';
import { type TriggerFunction, events, strings, toldOf, triggerFunction, triggerName } from './function.ts';
import { readiness } from './readiness.ts';

const reads: Readonly<Record<Operation, string>> = {
  insert: 'referencing new table as evenkeel_new ',
  update: 'referencing old table as evenkeel_old new table as evenkeel_new ',
  delete: 'referencing old table as evenkeel_old ',
  truncate: '',
};

/** One transaction of DDL; `table`: which one it locks (SHARE ROW EXCLUSIVE: writers wait), if any. */
export interface Step {
  readonly table: string | undefined;
  readonly sql: string;
}

/**
 * What makes the triggers of these tables complete, one step for the functions and one for each table or partition: to be run
 * one by one, each under a short lock_timeout.
 */
export async function triggerDdl(tx: Tx, watched: readonly Watched[]): Promise<Step[]> {
  const functions = new Map<string, string>();
  const steps: Step[] = [];
  for (const { table: one, why, lean, blind } of await readiness(tx, watched)) {
    if ((why === undefined && !lean) || blind) continue;
    const told = toldOf(one);
    const made = events.map(event => ({ event, ...triggerFunction(told, event) }));
    for (const each of made) if (!(await exists(tx, each))) functions.set(each.name, functionDdl(each));
    for (const table of await membersOf(tx, one.relation.oid)) {
      const sql = made.map(
        ({ event, name }) =>
          // Which columns it captures stands in its arguments, for readiness.ts and for \\d.
          `create or replace trigger ${triggerName(event)} after ${event} on ${table} ${reads[event]}for each statement execute function evenkeel.${name}(${strings(told.columns)});\n` +
          `alter table only ${table} enable always trigger ${triggerName(event)};`,
      );
      steps.push({ table, sql: sql.join('\n') });
    }
  }
  if (functions.size === 0) return steps;
  return [{ table: undefined, sql: [...functions.values()].join('\n') }, ...steps];
}

/** Left as it is: made anew, it would have everything swept that uses it. */
async function exists(tx: Tx, { name, body }: TriggerFunction): Promise<boolean> {
  const rows = await ask(
    tx,
    `select from pg_proc where pronamespace = to_regnamespace('evenkeel') and proname = $1 and prosrc = $2`,
    [name, body],
  );
  return rows.length > 0;
}

const functionDdl = ({ name, body, settings }: TriggerFunction) =>
  `create or replace function evenkeel.${name}() returns trigger language plpgsql security definer
  ${settings.map(one => `set ${one}`).join(' ')} as $${name}$${body}$${name}$;
revoke all on function evenkeel.${name} from public;`;

/** The table and its partitions, at every level. */
async function membersOf(tx: Tx, oid: string): Promise<string[]> {
  const rows = await ask(
    tx,
    `select format('%I.%I', n.nspname, c.relname) from (select $1::oid as oid union select relid from pg_partition_tree($1::oid)) m
       join pg_class c on c.oid = m.oid join pg_namespace n on n.oid = c.relnamespace order by c.oid <> $1::oid, 1`,
    [oid],
  );
  return rows.map(([name]) => name as string);
}

/** What removes every trigger that was installed, one step a table; the functions go with the schema. */
export async function dropDdl(tx: Tx): Promise<Step[]> {
  const rows = await ask(
    tx,
    `select format('%I.%I', n.nspname, c.relname),
            string_agg(format('drop trigger if exists %I on %I.%I;', t.tgname, n.nspname, c.relname), e'\\n' order by t.tgname)
       from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
       join pg_proc p on p.oid = t.tgfoid
      where p.pronamespace = to_regnamespace('evenkeel') and not t.tgisinternal
      group by 1 order by 1`,
  );
  return rows.map(([table, sql]) => ({ table: table as string, sql: sql as string }));
}
