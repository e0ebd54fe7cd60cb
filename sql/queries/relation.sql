-- What the database says of relations ($1: their oids), one JSON object each.
select c.oid::int8 as oid, n.nspname as schema, c.relname as name, c.relkind as kind,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) as quoted,
       row_security_active(c.oid) as hidden,
       greatest(c.reltuples, 0, (select sum(greatest(l.reltuples, pg_stat_get_live_tuples(l.oid)))
          from (select c.oid as relid union select relid from pg_partition_tree(c.oid)) t
          join pg_class l on l.oid = t.relid and l.relkind = 'r'))::float8 as rows,
       coalesce((select json_agg(json_build_object(
           'table', quote_ident(ln.nspname) || '.' || quote_ident(l.relname),
           'logged', l.relpersistence = 'p',
           'kind', l.relreplident,
           'columns', coalesce((select json_agg(a.attname order by a.attnum)
              from pg_index i join pg_attribute a on a.attrelid = l.oid and a.attnum = any(i.indkey::int2[])
             where i.indrelid = l.oid and i.indisvalid and i.indimmediate
               and case l.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end), '[]')
         ) order by l.oid)
         from pg_class l join pg_namespace ln on ln.oid = l.relnamespace
        where l.relkind = 'r' and l.oid in (select c.oid union select relid from pg_partition_tree(c.oid))), '[]') as identities,
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end as viewdef,
       coalesce((select json_agg(json_build_object(
           'name', a.attname,
           'type', format_type(a.atttypid, a.atttypmod),
           -- under a domain: casting to it would raise where the value breaks its CHECK
           'base', format_type(case when t.typtype = 'd' then t.typbasetype else a.atttypid end,
                               case when t.typtype = 'd' then t.typtypmod else a.atttypmod end),
           'family', (case when t.typtype = 'd' then t.typbasetype else a.atttypid end)::int8,
           'notNull', a.attnotnull,
           'generated', a.attgenerated <> '',
           'identity', a.attidentity,
           -- json and xml have no equality, the geometric types one of areas: compared as text
           'comparable', coalesce(case when t.typcategory = 'A' then t.typelem end, nullif(t.typbasetype, 0), t.oid) <> all (
              '{json,xml,point,lseg,path,box,polygon,line,circle}'::regtype[]),
           -- equal values have equal text, and the other way round
           'bytewise', b.typtype = 'e' or b.oid = any('{bool,int2,int4,int8,text,varchar}'::regtype[])
              and coalesce((select collisdeterministic from pg_collation where oid = a.attcollation), true)
         ) order by a.attnum)
         from pg_attribute a join pg_type t on t.oid = a.atttypid
         join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
       coalesce((select json_agg(json_build_object('primary', i.indisprimary, 'unique',
                  i.indisunique and i.indpred is null and i.indexprs is null and i.indimmediate,
                  'partial', i.indpred is not null or i.indexprs is not null, 'isUnique', i.indisunique,
                  'columns', (select json_agg(a.attname order by k.n)
                     from unnest(i.indkey::int2[]) with ordinality k(attnum, n)
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum where k.n <= i.indnkeyatts)))
         from pg_index i where i.indrelid = c.oid and i.indisvalid), '[]') as indexes,
       coalesce((select json_agg(json_build_object('child', f.conrelid::int8, 'onDelete', f.confdeltype,
                  'columns', (select json_agg(a.attname order by k.n) from unnest(f.conkey) with ordinality k(attnum, n)
                     join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum),
                  'parentColumns', (select json_agg(a.attname order by k.n)
                     from unnest(f.confkey) with ordinality k(attnum, n)
                     join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.attnum)))
         from pg_constraint f where f.confrelid = c.oid and f.contype = 'f' and f.conparentid = 0), '[]') as children,
       coalesce((select json_agg(distinct a.attname) from pg_constraint f
         cross join unnest(f.conkey) k(attnum) join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.attnum
        where f.conrelid = c.oid and f.contype = 'f'), '[]') as references
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid = any($1::oid[])
