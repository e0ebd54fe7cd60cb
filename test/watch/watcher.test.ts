/** Nothing that was told is forgotten: captures that change, leaders that come and go, looks that fail. */
import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type Pool, createPool } from '../../src/db/pool.ts';
import { find } from '../../src/find/find.ts';
import { Finder } from '../../src/find/finder.ts';
import { createLog } from '../../src/log.ts';
import { Bindings } from '../../src/roster/bindings.ts';
import { stand } from '../../src/roster/roster.ts';
import type { Capture, Image, Position, Sink, Watched } from '../../src/watch/capture/capture.ts';
import { Leader } from '../../src/watch/leader.ts';
import { keep, noteStale } from '../../src/watch/progress.ts';
import { beginChunk, endChunk } from '../../src/watch/sweep.ts';
import { type Cause, Suspects } from '../../src/watch/suspects.ts';
import { Tracer } from '../../src/watch/tracer.ts';
import { visibleIn } from '../../src/watch/visible.ts';
import { Watcher } from '../../src/watch/watcher.ts';
import { freshDatabase } from '../support/database.ts';
import { double as doubled, unguarded } from '../support/double.ts';
import { keelOn } from '../support/keel.ts';
import { until } from '../support/wait.ts';

const cause = (xid: number): Cause => ({
  xid: String(xid),
  at: new Date(),
  table: 'public.t',
  operation: 'update',
});

const double = (on = 't', where = '') => doubled(unguarded, { on, where });
const table = (name = 't') =>
  `create table ${name} (id int primary key, a int, b int); insert into ${name} select g, g, 2 * g from generate_series(1, 50) g;`;

/** A capture that tells what a test says. Positions are counted from 1 in each, as with triggers. */
class Told implements Capture {
  readonly kind = 'triggers';
  readonly untold = new Map<string, string>();
  readonly ended: Promise<never>;
  sink: Sink | undefined;
  watched: readonly Watched[] = [];
  position: Position = 0n;
  acknowledged: Position = 0n;
  stopped = false;
  end: (error: Error) => void = () => {};

  constructor() {
    this.ended = new Promise((_, reject) => (this.end = reject));
    this.ended.catch(() => {});
  }

  async start(watched: readonly Watched[], sink: Sink): Promise<void> {
    this.sink = sink;
    this.watched = watched;
  }
  async watch(watched: readonly Watched[]): Promise<void> {
    this.watched = watched;
  }
  acknowledge(position: Position): void {
    if (position > this.acknowledged) this.acknowledged = position;
  }
  toldUntil = () => new Date();
  async stop(): Promise<void> {
    this.stopped = true;
  }

  tell(xid: string, ids: readonly number[], name = 't'): Position {
    const to = this.watched.find(({ relation }) => relation.name === name) as Watched;
    const image = (id: number): Image => to.columns.map(column => (column === 'id' ? String(id) : '0'));
    this.sink?.begin({ xid, at: new Date() });
    for (const id of ids) this.sink?.row(to, 'update', image(id), image(id));
    this.sink?.commit(++this.position);
    return this.position;
  }
}

/** The watcher and the finder of a process that leads; the finder looks when a test says so. */
async function scene(files: Record<string, string>, tables: string, over = (pool: Pool) => pool) {
  const db = await freshDatabase();
  await db.sql(tables);
  const pool = createPool(db.url, 6);
  onTestFinished(() => pool.end());
  await migrate(pool);
  const keel = keelOn(db, files);
  const log = createLog(readConfig({ EVENKEEL_LOG: 'quiet' }).log);
  const bindings = new Bindings(pool, keel.invariants, log);
  const self = { id: randomUUID(), version: 'test' };
  const standing = () => bindings.standing(bounds => stand(pool, self, bounds, bindings.unbound));
  await bindings.refresh();
  await standing();
  const leader = new Leader(pool, self, log);
  await leader.keep();
  const captures: Told[] = [];
  const lead = () => {
    const tracer = new Tracer(() => {});
    const watcher = new Watcher({
      pool: over(pool),
      bindings,
      leader,
      tracer,
      log,
      choose: async () => {
        const capture = new Told();
        captures.push(capture);
        return { capture, why: 'the test says so' };
      },
    });
    const fail = (name: string, error: unknown) => bindings.fail(name, error);
    const finder = new Finder({ pool, tracer, log, limitMs: 5_000, opened: () => {}, fail });
    onTestFinished(() => watcher.stop());
    return { tracer, watcher, finder };
  };
  const xid = async (text = 'select') =>
    (await db.sql(`with x as (${text} pg_current_xact_id()::text as xid) select xid from x`))[0]
      .xid as string;
  const first = lead();
  const noted = (what = '') =>
    until(async () => (await db.sql(`select from evenkeel.invariant where ${what}`)).length > 0, { what });
  /** Begun, and everything that is noted then is noted. */
  const ready = async () => {
    first.watcher.start();
    await until(
      async () => (await db.sql('select from evenkeel.capture where verified_at is not null')).length > 0,
      { what: 'the watcher to be through with its first round' },
    );
    return captures.at(-1) as Told;
  };
  const swept = () =>
    db.sql('update evenkeel.invariant set stale_since = null, proved_at = clock_timestamp()');
  return { db, pool, bindings, standing, leader, captures, lead, xid, noted, ready, swept, log, ...first };
}

test('what the capture before was told is nothing to the next, which counts from the start', async () => {
  const { db, captures, xid, ready, tracer } = await scene({ double: double() }, table());
  const before = await ready();
  for (let i = 0; i < 5; i++) before.tell(await xid(), [i + 1]);
  // Nobody looks: nothing may be acknowledged.
  before.end(new Error('the connection is lost'));
  const next = await until(() => captures[1]?.sink && captures[1], { what: 'the next capture' });
  const told = next.tell(await xid(), [7]);
  await until(() => tracer.size === 1, { what: 'only what this capture told' });
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  const looked = async () =>
    (await db.sql('select from evenkeel.capture where verified_at > $1 or waiting = 1', [at])).length > 0;
  await until(looked, { what: 'a round of the watcher' });
  expect(next.acknowledged).toBeLessThan(told);
});

test('before anything is told, nothing is acknowledged', async () => {
  const { ready, xid, finder } = await scene({ double: double() }, table());
  const capture = await ready();
  expect(capture.acknowledged).toBe(0n);
  const told = capture.tell(await xid(), [7]);
  expect(capture.acknowledged).toBe(0n);
  await finder.round();
  await until(() => capture.acknowledged === told, { what: 'what was looked at to be acknowledged' });
});

test('a capture that ends is missed, even if nothing could be noted when it began', async () => {
  let failures = 1;
  const failing = (pool: Pool) =>
    new Proxy(pool, {
      get(target, name) {
        if (name === 'query')
          return (text: string, values: unknown[]) =>
            /set backed_by/.test(text) && failures-- > 0
              ? Promise.reject(new Error('Connection terminated unexpectedly'))
              : target.query(text, values);
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const { captures, ready, db } = await scene({ double: double() }, table(), failing);
  const capture = await ready();
  expect(await db.sql('select backed_by from evenkeel.invariant')).toEqual([{ backed_by: 'capture' }]);
  capture.end(new Error('the connection is lost'));
  await until(() => captures.length > 1, { what: 'another capture' });
  expect(capture.stopped).toBe(true);
});

test('what the process before kept while the next one waited for its slot is looked at', async () => {
  const { db, xid, ready, captures, tracer, pool, bindings } = await scene({ double: double() }, table());
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const start = Told.prototype.start;
  onTestFinished(() => void (Told.prototype.start = start));
  const last = await xid();
  Told.prototype.start = async function (this: Told, ...args) {
    await start.apply(this, args);
    const before = new Suspects();
    before.touch(['9'], cause(Number(last)), 1n, 0);
    await keep(pool, bindings.own[0] as never, before.holding(1));
  };
  await ready();
  expect(captures).toHaveLength(1);
  expect(tracer.size).toBe(1);
  expect(await db.sql('select key from evenkeel.suspect')).toEqual([{ key: ['9'] }]);
});

test('a kept suspect that was looked at goes; what was kept of it meanwhile stays', async () => {
  const { db, xid, ready, tracer, finder, pool } = await scene({ double: double() }, table());
  const capture = await ready();
  capture.tell(await xid(), [1, 2]);
  const { keys, bound } = tracer.of('double') as NonNullable<ReturnType<Tracer['of']>>;
  const held = keys.holding(Infinity);
  keys.letGo(held, await keep(pool, bound, held));
  // As by another process, or by this one while it looks.
  const other = new Suspects();
  other.touch(['2'], cause(Number(await xid())), 1n, 0);
  await keep(pool, bound, other.holding(1));
  await finder.round();
  expect(await db.sql('select key from evenkeel.suspect')).toEqual([{ key: ['2'] }]);
});

test('a key that is told again while it is looked at is kept once', async () => {
  const { xid, ready, tracer, pool } = await scene({ double: double() }, table());
  const capture = await ready();
  capture.tell(await xid(), [1]);
  const { keys, bound } = tracer.of('double') as NonNullable<ReturnType<Tracer['of']>>;
  const asked = keys.take(1, 0, () => true);
  capture.tell(await xid(), [1]);
  const held = keys.holding(Infinity);
  keys.letGo(held, await keep(pool, bound, held));
  expect(held).toHaveLength(1);
  // The look under way still holds back.
  expect(keys.floor).toBe(0n);
  keys.done(asked, 0);
  expect(asked[0]?.kept).toBe(undefined);
});

test('of two changes of a key, the one that was told first may be seen last', () => {
  const suspects = new Suspects();
  suspects.touch(['k'], cause(10), 1n, 0);
  suspects.touch(['k'], cause(11), 2n, 0);
  expect(suspects.take(9, 0, visibleIn('10:12:10'))).toEqual([]);
  // Nor does a row that leads to the key, and can be seen, make one visible that can't.
  suspects.touch(['other'], cause(12), 3n, 0);
  const from = new Suspects();
  from.touch(['row'], cause(9), 0n, 0);
  for (const one of from.take(9, 0, () => true)) suspects.pass(['other'], one);
  expect(suspects.take(9, 0, visibleIn('12:13:12')).map(({ id }) => id)).toEqual(['k']);
  expect(suspects.take(9, 0, visibleIn('13:13:')).map(({ id }) => id)).toEqual(['other']);
});

test('a mark that is set again while the first is noted stays', async () => {
  const { tracer, ready } = await scene({ double: double() }, table());
  const capture = await ready();
  const [watched] = capture.watched as [Watched];
  tracer.all(watched, 'it was truncated');
  tracer.gap('the queue was locked');
  const noted = tracer.toSweep;
  tracer.all(watched, 'it was truncated');
  tracer.gap('the queue was locked');
  tracer.noted(noted);
  expect([...tracer.toSweep.stale.keys(), tracer.toSweep.gap?.why]).toEqual([
    'double',
    'the queue was locked',
  ]);
  expect(tracer.floor).toBe(undefined);
});

test('a sweep that stands for changes begins once they can be seen', async () => {
  const { db, pool } = await scene({ double: double() }, table());
  const writer = await db.client();
  await writer.query('begin');
  const { xid } = (await writer.query('select pg_current_xact_id()::text as xid')).rows[0];
  const stale = new Map([['double', { why: 'too many', xids: new Set([xid as string]) }]]);
  expect((await noteStale(pool, stale)).size).toBe(0);
  await writer.query('commit');
  expect((await noteStale(pool, stale)).size).toBe(1);
  expect(await db.sql('select stale_why from evenkeel.invariant')).toEqual([{ stale_why: 'too many' }]);
});

test('what nobody followed for a while is swept', async () => {
  const { db, bindings, standing, noted, ready, swept } = await scene({ double: double() }, table());
  await ready();
  await swept();
  await db.sql('alter table t rename to u');
  await bindings.refresh();
  await standing();
  await noted(`backed_by = 'sweeps' and verified_at is null`);
  await db.sql('alter table u rename to t');
  await bindings.refresh();
  await standing();
  await noted(`backed_by = 'capture' and stale_since is not null`);
  expect(await db.sql('select stale_why from evenkeel.invariant')).toEqual([
    { stale_why: 'it is followed from now on' },
  ]);
});

test('another wording is followed from some moment on, and swept from then on', async () => {
  const { db, bindings, standing, noted, ready, swept } = await scene({ double: double() }, table());
  await ready();
  await swept();
  await db.sql(`insert into evenkeel.suspect values ('double', '{x,y}', now(), '{}')`);
  await db.sql(`update evenkeel.invariant set hash = 'another'`);
  await standing();
  expect(await db.sql('select backed_by from evenkeel.invariant')).toEqual([{ backed_by: 'sweeps' }]);
  // Keys of another wording can't be asked.
  expect(await db.sql('select from evenkeel.suspect')).toEqual([]);
  await bindings.refresh();
  await noted(`backed_by = 'capture' and stale_since is not null`);
});

test('one that rests on sweeps because of escapes is swept as often as those', async () => {
  const { db, ready, watcher } = await scene({ double: double() }, table());
  await db.sql('update evenkeel.invariant set escapes = 1');
  await ready();
  expect(watcher.backs('double')).toBe(false);
});

test('one key that cannot be asked holds up no other, and no sweep', async () => {
  const { db, ready, xid, finder, tracer, bindings, leader, pool } = await scene(
    { double: double('t', 'where 1 / (id - 7) is distinct from null') },
    table(),
  );
  const capture = await ready();
  const [bound] = bindings.own as [(typeof bindings.own)[0]];
  const pass = await beginChunk(pool, bound);
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  capture.tell(await xid('update t set b = 0 where id in (7, 8) returning'), [7, 8, 9]);
  const { keys } = tracer.of('double') as NonNullable<ReturnType<Tracer['of']>>;
  for (let looks = 0; looks < 4 && keys.size > 1; looks++) {
    await finder.round();
    // So long it waits after a failure.
    vi.advanceTimersByTime(10_001);
  }
  expect(await db.sql('select key from evenkeel.violation')).toEqual([{ key: ['8'] }]);
  const lease = leader.lease as NonNullable<Leader['lease']>;
  const chunk = { suspects: [], ms: 1, cursor: undefined };
  expect(await endChunk(pool, bound, lease, chunk, { rows: 1, rate: 1 }, 0)).toBe(true);
  expect(await db.sql('select proved_at from evenkeel.invariant')).toEqual([
    { proved_at: pass.passStartedAt },
  ]);
});

test('a pass that was ended meanwhile does not go on in its middle', async () => {
  const { db, bindings, leader, pool } = await scene({ double: double() }, table());
  const [bound] = bindings.own as [(typeof bindings.own)[0]];
  await beginChunk(pool, bound);
  await bindings.fail('double', new Error('gone'), true);
  const lease = leader.lease as NonNullable<Leader['lease']>;
  const chunk = { suspects: [], ms: 1, cursor: ['25'] };
  expect(await endChunk(pool, bound, lease, chunk, { rows: 1, rate: 1 }, 0)).toBe(false);
  expect(await db.sql('select cursor from evenkeel.invariant')).toEqual([{ cursor: null }]);
});

test('capture that waits for room goes on once neighbouring suspects are made into ranges', async () => {
  const { db, ready, xid, tracer, swept } = await scene({ double: double() }, table());
  const capture = await ready();
  await swept();
  capture.tell(
    await xid(),
    Array.from({ length: 60_000 }, (_, i) => i),
  );
  const room = tracer.full();
  expect(room).toBeDefined();
  await room;
  expect(await db.sql('select from evenkeel.range')).not.toEqual([]);
  await until(() => capture.acknowledged === capture.position, { what: 'all of it to be acknowledged' });
});

test('what a sweep finds before everything was looked at once is no escape', async () => {
  const { db, ready, watcher, swept } = await scene({ double: double() }, table());
  await ready();
  const doubt = watcher.doubt('double', [['7']]);
  await doubt([['7']]);
  await swept();
  const [{ at }] = await db.sql('select clock_timestamp() as at');
  const later = () =>
    db.sql(`select from evenkeel.capture where verified_at > $1::timestamptz + interval '3 seconds'`, [at]);
  await until(async () => (await later()).length > 0, { what: 'doubts to be settled' });
  expect(await db.sql('select escapes from evenkeel.invariant')).toEqual([{ escapes: 0 }]);
});

test('a long line of one invariant does not hold up another', async () => {
  const { ready, xid, finder, tracer } = await scene(
    {
      dear: double('d', 'where (select count(*) from generate_series(1, 300000 + id)) > 0'),
      cheap: double(),
    },
    table() + table('d'),
  );
  const capture = await ready();
  const ids = Array.from({ length: 50 }, (_, i) => i + 1);
  capture.tell(await xid(), ids.slice(0, 25), 'd');
  await finder.round();
  capture.tell(await xid(), ids.slice(25), 'd');
  capture.tell(await xid(), [1]);
  await finder.round();
  expect(tracer.of('cheap')?.keys.size).toBe(0);
});

test('a key that is told again while a round runs is looked at all the same', async () => {
  const { db, pool, ready, xid, tracer, bindings, log, swept } = await scene({ double: double() }, table());
  const capture = await ready();
  await swept();
  const change = (what: string) => xid(`update t set ${what} where id = 7 returning`);
  capture.tell(await change('b = 0'), [7]);
  // As hot keys are in every round.
  const slow = after(pool, 'clock_timestamp()) * 1000', async () => capture.tell(await change('a = a'), [7]));
  const fail = (name: string, error: unknown) => bindings.fail(name, error);
  const finder = new Finder({ pool: slow, tracer, log, limitMs: 5_000, opened: () => {}, fail });
  await finder.round();
  expect(tracer.size).toBe(0);
  expect(await db.sql('select key from evenkeel.violation')).toEqual([{ key: ['7'] }]);
});

test('what a sweep lists while a round runs, and what is right again by then, is cleared by that round', async () => {
  const { db, pool, ready, xid, tracer, bindings, log, swept } = await scene({ double: double() }, table());
  const capture = await ready();
  await swept();
  capture.tell(await xid('update t set a = a where id = 7 returning'), [7]);
  const [one] = bindings.all;
  if (!one) throw new Error('not bound');
  const raced = after(pool, 'clock_timestamp()) * 1000', async () => {
    await db.sql('update t set b = 0 where id = 7');
    await find(pool, one, [['7']], 5_000);
    await db.sql('update t set b = 2 * a where id = 7');
  });
  const fail = (name: string, error: unknown) => bindings.fail(name, error);
  const finder = new Finder({ pool: raced, tracer, log, limitMs: 5_000, opened: () => {}, fail });
  await finder.round();
  expect(await db.sql('select key from evenkeel.violation')).toEqual([]);
});

test('keys are given back where the server goes away between two snapshots of a round', async () => {
  const { db, pool, ready, xid, tracer, bindings, log, swept } = await scene({ double: double() }, table());
  const capture = await ready();
  await swept();
  capture.tell(await xid('update t set b = 0 where id = 7 returning'), [7]);
  // Another one's change can't be seen yet, so the round asks once more what can.
  const other = await db.client();
  await other.query('begin');
  const { rows } = await other.query<{ xid: string }>('select pg_current_xact_id()::text as xid');
  capture.tell(rows[0]!.xid, [8]);
  const gone = after(pool, 'as snapshot', () =>
    Promise.reject(new Error('Connection terminated unexpectedly')),
  );
  const fail = (name: string, error: unknown) => bindings.fail(name, error);
  const parts = { tracer, log, limitMs: 5_000, opened: () => {}, fail };
  await expect(new Finder({ ...parts, pool: gone }).round()).rejects.toThrow('terminated');
  await other.query('commit');
  await new Finder({ ...parts, pool }).round();
  expect(tracer.size).toBe(0);
  expect(await db.sql('select key from evenkeel.violation')).toEqual([{ key: ['7'] }]);
});

/** A pool that acts once, right after the first statement that holds this text. */
function after(pool: Pool, words: string, act: () => Promise<unknown>): Pool {
  let acted = false;
  onTestFinished(() => expect(acted).toBe(true));
  const told = (tx: PoolClient) =>
    new Proxy(tx, {
      get: (of, name) => {
        if (name !== 'query') return bound(of, name);
        return async (text: unknown, ...rest: unknown[]) => {
          const result: unknown = await (of.query as (...args: unknown[]) => unknown)(text, ...rest);
          const said = typeof text === 'string' ? text : (text as { text: string }).text;
          if (!acted && said.includes(words)) {
            acted = true;
            await act();
          }
          return result;
        };
      },
    });
  return new Proxy(pool, {
    get: (of, name) => (name === 'connect' ? async () => told(await of.connect()) : bound(of, name)),
  });
}

function bound(of: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(of, name);
  return typeof value === 'function' ? value.bind(of) : value;
}
