-- The triggers of trigger capture on each of the tables $1 (their oids) and its partitions, and what would make them blind.
select w.oid::int8 as relation, format('%I.%I', n.nspname, c.relname) as member, c.relkind = 'f' as foreign,
       exists (select from pg_inherits i join pg_class o on o.oid in (i.inhparent, i.inhrelid) and o.oid <> c.oid
                where c.oid in (i.inhparent, i.inhrelid) and not c.relispartition and c.relkind = 'r') as inherits,
       -- Transition tables hold NULL in their place.
       array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attgenerated = 'v') as virtual,
       exists (select from pg_subscription_rel s where s.srrelid = c.oid) as subscribed,
       coalesce((select json_agg(json_build_object('name', t.tgname, 'enabled', t.tgenabled, 'function', p.proname, 'body', p.prosrc,
                'arguments', encode(t.tgargs, 'hex'),
                'lacks', case when not p.prosecdef or not has_schema_privilege(p.proowner, to_regnamespace('evenkeel')::oid, 'usage')
                           or not has_table_privilege(p.proowner, to_regclass('evenkeel.change')::oid, 'insert')
                           or not has_function_privilege(p.proowner, to_regprocedure('evenkeel.change_missed(oid, text, text, text)')::oid, 'execute')
                           or not has_sequence_privilege(p.proowner, to_regclass('evenkeel.change_lost')::oid, 'update')
                         then pg_get_userbyid(p.proowner) end))
            from pg_trigger t join pg_proc p on p.oid = t.tgfoid
           where t.tgrelid = c.oid and t.tgname like 'evenkeel\_%' and not t.tgisinternal), '[]') as triggers
  from unnest($1::oid[]) w(oid)
  cross join lateral (select w.oid as relid union select relid from pg_partition_tree(w.oid)) m
  join pg_class c on c.oid = m.relid join pg_namespace n on n.oid = c.relnamespace
 order by c.oid <> w.oid, member
