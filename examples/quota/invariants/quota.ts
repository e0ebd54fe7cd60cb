import { Redis } from 'ioredis';
import { call, from, insert, invariant, limit, redisCounters, remove, set, sql } from 'evenkeel';

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const redis = limit('redis', { rate: '500/s', burst: 50 });

export const mirror = invariant('quota-mirror', {
  says: 'The table quota is what Redis says',
  on: 'quota',
  should: from(redis, redisCounters(url, { match: 'quota:*' })),
  heal: [set(), insert(), remove()],
  mode: 'heal',
  guard: 'none',
  grace: '0s',
  every: '10s',
});

// Only if it is what we saw: an application that counts meanwhile wins, and it is looked at again.
const putRight = `if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
  if ARGV[2] == '0' then redis.call('del', KEYS[1]) else redis.call('set', KEYS[1], ARGV[2]) end
  return 1`;
let client: Redis | undefined;

export const slots = invariant('quota-slots', {
  says: 'A counter of running jobs counts running jobs; one of none is no counter',
  on: 'quota',
  broken: sql`
    select q.key, q.value, count(j.id) as running from quota q
      left join jobs j on q.key = 'quota:' || j.account and j.state = 'running'
     group by q.key having q.value <> count(j.id)::text or count(j.id) = 0`,
  heal: call(redis, async ({ key, evidence }, upstream) => {
    await upstream.reserve(1);
    if (!client) {
      client = new Redis(url, { maxRetriesPerRequest: 1 });
      // What goes wrong is said on the violation.
      client.on('error', () => {});
    }
    const done = await client.eval(
      putRight,
      1,
      key['key'] ?? '',
      evidence['value'] ?? '',
      evidence['running'] ?? '',
    );
    if (done !== 1) throw new Error('it was counted meanwhile');
    return evidence['running'] === '0' ? remove() : set({ value: evidence['running'] ?? '0' });
  }),
  mode: 'heal',
  guard: 'none',
  grace: '10s',
});
