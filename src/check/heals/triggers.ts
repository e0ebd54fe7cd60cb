import { type Tx, ask } from '../../db/pool.ts';

/** Writes of rows of one table. */
export interface Writing {
  readonly oid: string;
  readonly columns: readonly string[];
  readonly removes: boolean;
  /** Columns on which what was reasoned rests. */
  readonly used: readonly string[];
  /** It says in `touches` that its own table may be written by others too. */
  readonly shared: boolean;
}

/**
 * A trigger or rule by which a heal may do something else to its row than was reasoned; undefined: there is none. What runs
 * after the write can't: a heal that finds more rows of its table written than it wrote is rolled back, unless it says in
 * `touches` that this is meant.
 */
export async function disturbing(
  tx: Tx,
  { oid, columns, removes, used, shared }: Writing,
): Promise<string | undefined> {
  const rows = await ask(
    tx,
    `select t.tgname, p.prosrc, l.lanname, t.tgtype & 8 = 8,
            cardinality(t.tgattr::int2[]) = 0 or array(select a.attname::text from pg_attribute a
              where a.attrelid = t.tgrelid and a.attnum = any(t.tgattr::int2[])) && $2::text[]
       from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_language l on l.oid = p.prolang
      where t.tgrelid = $1 and not t.tgisinternal and t.tgenabled <> 'D'
        and (t.tgtype & 3 = 3 or $3) and (t.tgtype & 16 = 16 and cardinality($2::text[]) > 0 or t.tgtype & 8 = 8 and $4)
        and p.pronamespace <> coalesce(to_regnamespace('evenkeel')::oid, 0)
      order by t.tgname`,
    [oid, columns, shared, removes],
  );
  for (const [name, source, language, deletes, fires] of rows) {
    if (fires !== 't' && deletes !== 't') continue;
    const stamped = language === 'plpgsql' ? stamps(source ?? '') : undefined;
    if (!stamped || stamped.some(column => used.includes(column) || columns.includes(column)))
      return `the trigger ${name} may change what is written`;
  }
  const [rule] = await ask(
    tx,
    `select rulename from pg_rewrite where ev_class = $1 and ev_type in ('2', '4')`,
    [oid],
  );
  return rule ? `the rule ${rule[0]} may change what is written` : undefined;
}

/** The columns that a trigger function stamps, where that is all that it does: `new.updated_at := now(); return new`. */
function stamps(source: string): string[] | undefined {
  const clock = String.raw`(?:now\(\)|current_timestamp|clock_timestamp\(\)|statement_timestamp\(\))`;
  const stamp = String.raw`new\.[a-z_]\w*\s*:?=\s*${clock}\s*;\s*`;
  const body = new RegExp(String.raw`^\s*begin\s+((?:${stamp})+)return\s+new\s*;\s*end\s*;?\s*$`, 'i').exec(
    source,
  );
  return body?.[1]?.split(';').flatMap(one => /new\.(\w+)/i.exec(one)?.[1]?.toLowerCase() ?? []);
}
