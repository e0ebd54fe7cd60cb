/** Four processes under one limit, killed and stopped in the middle: nothing is lost, nothing is done twice but what a key absorbs. */
import { expect, onTestFinished, test } from 'vitest';
import { type Running, folder, start } from '../cli/run.ts';
import { freshDatabase } from '../support/database.ts';
import { upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const rows = 600;

test(
  'kill -9 and SIGSTOP among four processes, while the limit changes without a word',
  { timeout: 180_000 },
  async () => {
    let rate = 150;
    const accepted: number[] = [];
    const effects = new Map<string, Set<string>>();
    const { url, asked } = await upstream(({ path, headers, at }) => {
      while (accepted[0] !== undefined && accepted[0] <= at - 1_000) accepted.shift();
      if (accepted.length >= rate) return { status: 429 };
      accepted.push(at);
      const id = path.split('/').at(-1) ?? '';
      effects.set(id, (effects.get(id) ?? new Set()).add(String(headers['idempotency-key'])));
      return { json: { plan: `p${id}` } };
    });
    const db = await freshDatabase();
    await db.sql(
      `create table subs (id int primary key, plan text); insert into subs select g from generate_series(1, ${rows}) g`,
    );
    const cwd = await folder({
      'plan.ts': `import { call, invariant, limit, set, sql } from 'evenkeel';
      export const plan = invariant('plan', {
        says: 'A plan is known', on: 'subs', broken: sql\`select id from subs where plan is null\`,
        heal: call(limit('api', { rate: '150/s', concurrency: 12 }), async ({ key }, { fetch }) =>
          set(await (await fetch('${url}/' + key.id, { method: 'POST' })).json())),
        mode: 'heal', guard: 'none', grace: '0s' });`,
    });
    const running: Running[] = [];
    const up = async () => {
      const one = await start(
        { url: db.url, cwd, env: { EVENKEEL_CAPTURE: 'sweeps' } },
        'up',
        '--invariants',
        'invariants',
      );
      running.push(one);
      return one;
    };
    onTestFinished(async () => {
      for (const one of running) one.process.kill('SIGKILL');
      await Promise.all(running.map(one => one.ended));
    });
    const healed = async () => (await db.sql('select count(plan)::int as n from subs'))[0].n as number;
    const [first, second] = [await up(), await up()];
    await up();
    await up();
    await until(async () => (await healed()) > 50, { what: 'fifty', timeoutMs: 60_000 });
    first.process.kill('SIGKILL');
    second.process.kill('SIGSTOP');
    await first.ended;
    // Nobody renews them any more: what it had is back within a lease.
    expect(
      await db.sql(`select bool_and(expires_at <= clock_timestamp() + interval '30 seconds') as soon from (
        select expires_at from evenkeel.rate_lease union all select due_at from evenkeel.violation where state = 'claimed') l`),
    ).toEqual([{ soon: true }]);
    rate = 60;
    const then = await healed();
    await until(async () => (await healed()) > then + 100, { what: 'a hundred more', timeoutMs: 60_000 });
    second.process.kill('SIGCONT');
    await until(async () => (await healed()) === rows, { what: 'all', timeoutMs: 90_000 });

    expect(await db.sql(`select count(*)::int as n from subs where plan = 'p' || id`)).toEqual([{ n: rows }]);
    // Asked twice at most where a process died, and then under the same key.
    expect([...effects.values()].filter(keys => keys.size > 1)).toEqual([]);
    expect(effects.size).toBe(rows);
    expect(asked.filter(({ headers }) => !headers['idempotency-key'])).toEqual([]);
    // What the dead one held is back.
    await until(
      async () =>
        (await db.sql('select from evenkeel.violation')).length === 0 &&
        (await db.sql('select from evenkeel.rate_lease where expires_at > clock_timestamp()')).length === 0,
      { what: 'the ledger and the leases to be empty', timeoutMs: 60_000 },
    );
    expect(await db.sql('select count(*)::int as n from evenkeel.entry')).toEqual([{ n: rows }]);
  },
);
