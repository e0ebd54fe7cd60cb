import { createHash } from 'node:crypto';
import { columnOf } from '../../../catalog/relation.ts';
import { quote } from '../../../db/pool.ts';
import type { Operation, Watched } from '../capture.ts';
import { storedBytes } from './queue.ts';

/**
 * Triggers that append what a statement changed to the queue `evenkeel.change`: the values of the columns that paths start
 * from, as they were and as they are. One for each event, on the table and on each of its partitions: a statement fires the
 * triggers of the table that it is aimed at, and no others.
 *
 * No statement of the application may fail or wait because of them:
 * - Whatever errs (a column that was renamed, a queue that is locked, full or gone) is caught, and says "any row may have
 *   changed" instead: by a row in the queue, else by a sequence, which takes no room and waits for nobody.
 * - They wait for a lock 100 ms at most, and only once in a transaction that had to wait in vain.
 * - A body is a string to Postgres, so nothing here depends on a column: all of them can be dropped, renamed and retyped.
 * - Each caught insert is a subtransaction with an xid of its own, and past 64 of them in one transaction every snapshot of
 *   every session gets slower. So only the first 20 statements of a transaction insert inside the block: by then the
 *   lock is held, and what is wrong for good has shown. What is read is always read inside: without a write there is no xid.
 * - A statement that changes more than max(1000, 1 % of the table) rows is told as "any row".
 *
 * They are ALWAYS enabled: `session_replication_role = replica` (bulk loads, dump restores) changes rows like any other. On a
 * subscriber rows that replication applies fire no statement triggers, always or not: readiness.ts refuses such tables.
 */

/** Statements of one transaction whose insert is protected by a subtransaction. */
const guarded = 20;
/** Rows of one statement that are told one by one: at least, and at most. */
const few = 1_000;
const many = 50_000;

export const events: readonly Operation[] = ['insert', 'update', 'delete', 'truncate'];
export const triggerName = (event: Operation): string => `evenkeel_${event}`;

export interface TriggerFunction {
  /** Of what it does: two tables with the same columns share it, and another body has another name. */
  readonly name: string;
  readonly body: string;
  readonly settings: readonly string[];
}

/** What triggers tell of a table. */
export interface Told {
  readonly relation: Watched['relation'];
  readonly columns: readonly string[];
  /** Every row as it was and as it is, for sums; else each distinct image once. */
  readonly every: boolean;
}

export const toldOf = ({ relation, columns, summed }: Watched): Told => ({
  relation,
  columns: [...columns, ...(summed ?? [])],
  every: summed !== undefined,
});

/** Must hold what is needed; the types decide only which settings their text depends on. */
export function triggerFunction({ relation, columns, every }: Told, event: Operation): TriggerFunction {
  const body =
    event === 'truncate' || columns.length === 0
      ? whole(event)
      : told(event, columns, every && event === 'update');
  const settings = ['search_path = pg_catalog, pg_temp', `lock_timeout = '100ms'`];
  const plain = columns.every(name => stable.has(columnOf(relation, name)?.family ?? 0));
  if (!plain)
    settings.push(
      `datestyle = 'ISO, MDY'`,
      `intervalstyle = postgres`,
      `extra_float_digits = 1`,
      `bytea_output = hex`,
      'timezone from current',
    );
  const hash = createHash('md5')
    .update([body, ...settings].join('\n'))
    .digest('hex');
  return { name: `capture_${event}_${hash.slice(0, 12)}`, body, settings };
}

/** Types whose text no setting changes: bool, int8, int2, int4, text, bpchar, varchar, numeric, uuid. */
const stable = new Set([16, 20, 21, 23, 25, 1042, 1043, 1700, 2950]);

const failed = `exception when others then
    begin
      perform evenkeel.change_missed(tg_relid, lower(tg_op), sqlstate, sqlerrm);
    exception when others then null;
    end;
    return null;
  end;`;

const room = (size: string) => `if (${size}) > evenkeel.change_most() then
      raise exception 'the queue is full' using errcode = '53400';
    end if;`;

/** Any row of the table. */
function whole(event: Operation): string {
  const none: Partial<Record<Operation, string>> = {
    insert: 'if not exists (select from evenkeel_new) then return null; end if;',
    update: 'if not exists (select from evenkeel_old) then return null; end if;',
    delete: 'if not exists (select from evenkeel_old) then return null; end if;',
  };
  return `
begin
  begin
    if current_setting('evenkeel.told', true) = 'lost' then return null; end if;
    ${none[event] ?? ''}
    ${room(`pg_relation_size('evenkeel.change')`)}
    insert into evenkeel.change (relation, operation, why) values (tg_relid, lower(tg_op), '${
      event === 'truncate' ? 'it was truncated' : 'it can only be looked at as a whole'
    }');
    return null;
  ${failed}
end`;
}

function told(event: Operation, columns: readonly string[], apart: boolean): string {
  // Qualified, all of it: a column may be called like a variable.
  const rows = (table: string) => {
    const list = columns.map((name, i) => `${table}.${quote(name)}::text collate "C" as c${i}`);
    return `select ${list.join(', ')} from ${table} limit v.most + 1`;
  };
  const images = `array[${columns.map((_, i) => `array_agg(c${i})`).join(', ')}]`;
  const all = (table: string) => `(select ${images} from (${rows(table)}) r)`;
  // A row that moves to a partition whose trigger refuses it goes, and there is no new one.
  const count = '(select count(*) from (select from evenkeel_old limit v.most + 1) r)';
  // Where the columns are as they were the old row and the new are one, unless each counts.
  const read = apart
    ? `select ${count}, ${all('evenkeel_new')}, ${all('evenkeel_old')} into changed, images, was;`
    : event === 'update'
      ? `select ${count}, ${images} into changed, images
        from ((${rows('evenkeel_old')}) union (${rows('evenkeel_new')})) r;`
      : `select count(*), ${images} into changed, images from (${rows(event === 'insert' ? 'evenkeel_new' : 'evenkeel_old')}) r;`;
  const insert = `insert into evenkeel.change (relation, operation, columns, images, was, why)
    values (tg_relid, '${event}', ${literal(columns)}, images, was, why);`;
  return `
<<v>>
declare
  told text;
  most bigint := ${few};
  changed bigint;
  images text[];
  was text[];
  why text;
begin
  begin
    told := coalesce(nullif(current_setting('evenkeel.told', true), ''), '0');
    if told = 'lost' then return null; end if;
    ${read}
    if changed > most then
      most := (select least(sum(c.reltuples) / 100, ${many}) from pg_class c
                where c.oid = tg_relid or c.oid in (select relid from pg_partition_tree(tg_relid)));
      if changed <= most then
        ${read}
      end if;
    end if;
    if changed = 0 then return null; end if;
    if changed > most then
      images := null;
      was := null;
      why := 'more than ' || greatest(most, ${few}) || ' rows changed at once';
    end if;
    ${room(`case when ${storedBytes} > 1500 then pg_table_size('evenkeel.change') else pg_relation_size('evenkeel.change') end`)}
    if told::int < ${guarded} then
      ${insert}
      perform set_config('evenkeel.told', (told::int + 1)::text, true);
      return null;
    end if;
  ${failed}
  ${insert}
  return null;
end`;
}

const literal = (columns: readonly string[]) => `array[${strings(columns)}]::text[]`;

export const strings = (names: readonly string[]): string =>
  names.map(name => `'${name.replaceAll("'", "''")}'`).join(', ');
