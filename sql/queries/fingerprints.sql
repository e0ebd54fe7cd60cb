-- What trigger capture relies on, of each of the tables $1 (their oids): it changes with everything that changes rows, or what
-- they mean, without firing a trigger. DDL, partitions that come and go, triggers made anew or disabled for a while, rights.
select w.oid::int8 as relation, md5(
    (select string_agg(format('%s %s', n.xmin, array_to_string(array(
         select c.xmin::text from pg_class c where c.relnamespace = n.oid and c.relname in ('change', 'change_lost')
          order by c.relname), ' ')), '') from pg_namespace n where n.nspname = 'evenkeel')
    || coalesce(string_agg(m.relid || ' ' || c.relfilenode || ' ' || c.relkind::text
      || coalesce((select string_agg(a.attnum || ' ' || a.attname || ' ' || a.atttypid, ',' order by a.attnum)
           from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '')
      || coalesce((select string_agg(t.oid || ' ' || t.xmin || ' ' || p.xmin, ',' order by t.oid)
           from pg_trigger t join pg_proc p on p.oid = t.tgfoid
          where t.tgrelid = c.oid and t.tgname like 'evenkeel\_%'), ''), ';' order by m.relid), '')) as fingerprint,
    -- Statements aimed at a partition tell of the partition.
    array_agg(m.relid::int8::text) as members
  from unnest($1::oid[]) w(oid)
  cross join lateral (select w.oid as relid union select relid from pg_partition_tree(w.oid)) m
  join pg_class c on c.oid = m.relid
 group by w.oid
