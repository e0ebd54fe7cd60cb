-- What a person sees of each invariant ($1: one name; null: all that are in force): its state, the ledger's counts, the
-- last hour, the running sweep, and who carries it.
select i.name, i.says, i.on_table as "on", i.heal, i.mode, i.guard, i.hash, i.retired_at as "retiredAt",
       i.refused_why as "refusedWhy", i.held_at as "heldAt", i.held_why as "heldWhy", i.failed_at as "failedAt", i.failed_why as "failedWhy",
       i.proved_at as "provedAt", i.passes::float8 as passes, i.found::float8 as found,
       i.pass_started_at as "passStartedAt", i.pass_rows::float8 as "passRows", i.pass_found::float8 as "passFound",
       i.last_pass_ms as "lastPassMs", i.last_busy_ms as "lastBusyMs",
       nullif(i.next_pass_at, '-infinity') as "nextPassAt",
       i.backed_by as "backedBy", i.unfollowed, i.verified_at as "verifiedAt", i.stale_since as "staleSince",
       i.stale_why as "staleWhy", i.escapes,
       (select coalesce(sum(keys), 0)::float8 from evenkeel.range where invariant = i.name) as ranged,
       coalesce(t.rows, 0) as rows, v.open, v.approved, v.parked, v.undone, v.held,
       p.opened, p.cleared, p.healed, p.written, c.carriers, c.older,
       (select json_build_object('readAt', m.read_at, 'why', m.failed_why, 'lists', m.lists)
          from evenkeel.mirror m where m.invariant = i.name) as reading
  from evenkeel.invariant i
 cross join lateral (
   select count(*) filter (where state in ('open', 'claimed'))::int as open, count(*) filter (where state = 'approved')::int as approved,
          count(*) filter (where state = 'parked')::int as parked, count(*) filter (where state = 'undone')::int as undone,
          count(*) filter (where state = 'held')::int as held
     from evenkeel.violation where invariant = i.name) v
 cross join lateral (
   select coalesce(sum(opened), 0)::int as opened, coalesce(sum(cleared), 0)::int as cleared,
          coalesce(sum(healed), 0)::int as healed, coalesce(sum(written), 0)::int as written
     from evenkeel.pulse where invariant = i.name and minute > clock_timestamp() - interval '1 hour') p
 cross join lateral (
   select count(*) filter (where definitions->>i.name = i.hash)::int as carriers,
          count(*) filter (where definitions->>i.name not in (i.hash, ''))::int as older
     from evenkeel.process where heartbeat_at > clock_timestamp() - interval '10 seconds' and definitions ? i.name) c
  left join lateral (
   select greatest(r.reltuples, 0, (select sum(greatest(l.reltuples, pg_stat_get_live_tuples(l.oid)))
            from (select r.oid as relid union select relid from pg_partition_tree(r.oid)) t
            join pg_class l on l.oid = t.relid and l.relkind = 'r'))::float8 as rows
     from pg_class r where r.oid = to_regclass(i.on_table)) t on true
 where case when $1::text is null then i.retired_at is null else i.name = $1 end
 order by i.name
