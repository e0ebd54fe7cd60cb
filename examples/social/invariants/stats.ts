import { insert, invariant, set, sql } from 'evenkeel';

// What counts at all is said once.
const live = sql`s.deleted_at is null`;
const notDirect = sql`s.visibility <> 3`;
const seenByAll = sql`s.visibility in (0, 1)`;

export const accountStats = invariant('account-stats', {
  says: 'An account of this server counts its statuses, whom it follows and who follows it',
  // Of other servers' accounts only those servers know the numbers.
  on: 'account_stats where account_id in (select id from accounts where domain is null)',
  key: 'account_id',
  should: sql`
    select a.id as account_id,
           (select count(*) from statuses s where s.account_id = a.id and ${live} and ${notDirect}) as statuses_count,
           (select count(*) from follows f where f.account_id = a.id) as following_count,
           (select count(*) from follows f where f.target_account_id = a.id) as followers_count,
           (select max(s.created_at) from statuses s where s.account_id = a.id and ${live} and ${notDirect})
             as last_status_at
      from accounts a
     where a.domain is null`,
  heal: [set(), insert()],
  mode: 'heal',
});

export const statusStats = invariant('status-stats', {
  says: 'A status counts its replies that anyone may see, its boosts and its favourites',
  on: 'status_stats',
  key: 'status_id',
  // A status that nobody reacted to has no row, or one of zeros; so only those with one are governed, or need one.
  should: sql`
    select x.id as status_id,
           (select count(*) from statuses s where s.in_reply_to_id = x.id and ${live} and ${seenByAll}) as replies_count,
           (select count(*) from statuses s where s.reblog_of_id = x.id and ${live}) as reblogs_count,
           (select count(*) from favourites f where f.status_id = x.id) as favourites_count
      from statuses x
     where exists (select from status_stats c where c.status_id = x.id)
        or exists (select from favourites f where f.status_id = x.id)
        or exists (select from statuses s where s.reblog_of_id = x.id and ${live})
        or exists (select from statuses s where s.in_reply_to_id = x.id and ${live} and ${seenByAll})`,
  heal: [set(), insert()],
  mode: 'heal',
});
