import type { Tx } from '../db/pool.ts';

/** A column of one table that looks like counting the rows of another that refers to it. */
export interface Counter {
  readonly table: { readonly schema: string; readonly name: string };
  /** Its primary key, one column. */
  readonly key: string;
  readonly column: string;
  readonly child: { readonly schema: string; readonly name: string };
  /** The child's foreign key. */
  readonly reference: string;
  /** A column of the child that is NULL while its row counts, as soft deletes have it. */
  readonly live: string | undefined;
}

/**
 * Guessed from names: `posts_count`, `post_count`, `num_posts`, `posts`, in a table that `posts` refers to by a foreign
 * key. Only tables that this role may read. The one whose child is largest; undefined where none looks so.
 */
export async function findCounter(tx: Tx): Promise<Counter | undefined> {
  const { rows } = await tx.query<{
    schema: string;
    name: string;
    key: string;
    column: string;
    childSchema: string;
    child: string;
    reference: string;
    live: string | null;
  }>(
    `select pn.nspname as schema, p.relname as name, pk.attname as key, n.attname as column,
            cn.nspname as "childSchema", c.relname as child, fk.attname as reference,
            (select a.attname from pg_attribute a
              where a.attrelid = c.oid and a.attname in ('deleted_at', 'discarded_at', 'archived_at', 'removed_at')
                and not a.attnotnull and not a.attisdropped order by a.attnum limit 1) as live
       from pg_constraint f
       join pg_class p on p.oid = f.confrelid and p.relkind in ('r', 'p')
       join pg_class c on c.oid = f.conrelid and c.relkind in ('r', 'p')
       join pg_namespace pn on pn.oid = p.relnamespace
       join pg_namespace cn on cn.oid = c.relnamespace
       join pg_attribute fk on fk.attrelid = c.oid and fk.attnum = f.conkey[1]
       join pg_index i on i.indrelid = p.oid and i.indisprimary and i.indnkeyatts = 1
       join pg_attribute pk on pk.attrelid = p.oid and pk.attnum = i.indkey[0] and f.confkey[1] = pk.attnum
       join pg_attribute n on n.attrelid = p.oid and n.attnum > 0 and not n.attisdropped and n.attgenerated = ''
        and n.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
        and lower(n.attname) in (
          select format(form, word) from unnest(array[lower(c.relname), regexp_replace(lower(c.relname), 's$', ''),
                   regexp_replace(lower(c.relname), '^' || regexp_replace(lower(p.relname), 's$', '') || '_', '')]) word
          cross join unnest(array['%s', '%s_count', '%ss_count', 'num_%s', 'num_%ss', '%s_num', 'nb_%s', 'count_%s', '%s_total'])
            form)
      where f.contype = 'f' and f.conparentid = 0 and array_length(f.conkey, 1) = 1
        and pn.nspname !~ '^(pg_|information_schema|evenkeel)'
        and has_table_privilege(p.oid, 'select') and has_table_privilege(c.oid, 'select')
        and has_schema_privilege(pn.oid, 'usage') and has_schema_privilege(cn.oid, 'usage')
      order by c.reltuples desc, p.relname, n.attname limit 1`,
  );
  const [row] = rows;
  return (
    row && {
      table: { schema: row.schema, name: row.name },
      key: row.key,
      column: row.column,
      child: { schema: row.childSchema, name: row.child },
      reference: row.reference,
      live: row.live ?? undefined,
    }
  );
}
