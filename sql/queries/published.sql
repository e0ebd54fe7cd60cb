-- Tables ($1: oids) as a publication ($2) sees them.
select c.oid::int8 as oid,
       -- An application's UPDATE and DELETE fail once a table without replica identity is published.
       case
         when c.relkind not in ('r', 'p') then 'it is not a table'
         when l.foreign then 'one of its partitions is a foreign table'
         when l.unlogged then 'it is unlogged: a slot tells nothing of it'
         when c.relkind = 'p' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
           then 'it has no primary key: a new partition would have no replica identity, and its UPDATEs and DELETEs would fail'
         when l.anonymous then 'it has no replica identity: once published, its UPDATEs and DELETEs would fail'
         when l.untellable then 'a replica identity with a generated column that is not told: once published, its UPDATEs and DELETEs would fail'
       end as why,
       p.oid::int8 as member,
       -- Another one when rows may have changed without being told: a rewrite, a partition that came or went, a
       -- column that means something else, a while outside of the publication.
       md5(concat_ws('|', p.oid, l.files, (
         select string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attgenerated,
                  case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end), ',' order by a.attnum)
           from pg_attribute a left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))) as mark
  from pg_class c
  left join pg_publication_rel p on p.prrelid = c.oid and p.prpubid = (select oid from pg_publication where pubname = $2)
  cross join lateral (
    select string_agg(concat_ws(' ', t.oid, t.relfilenode), ',' order by t.oid) as files,
           bool_or(t.relkind = 'f') as foreign,
           bool_or(t.relpersistence <> 'p') as unlogged,
           bool_or(t.relkind = 'r' and t.relreplident <> 'f' and not exists (
             select from pg_index i
              where i.indrelid = t.oid and i.indisvalid and i.indisunique and i.indimmediate and i.indpred is null
                and ((t.relreplident = 'd' and i.indisprimary) or (t.relreplident = 'i' and i.indisreplident)))) as anonymous,
           bool_or(t.relkind = 'r' and exists (
             select from pg_attribute a
              where a.attrelid = t.oid and not a.attisdropped and t.relreplident = 'f' and a.attgenerated = 'v')) as untellable
      from pg_class t
     where t.oid in (select c.oid union select relid from pg_partition_tree(c.oid))) l
 where c.oid = any($1::oid[])
