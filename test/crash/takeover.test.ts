/**
 * One of several processes sweeps. When it is killed or stopped another takes over within ten seconds, and the old one does
 * no harm when it wakes; a heal that stands still gives its rows back within about a second.
 */
import { expect, test } from 'vitest';
import { shutGate } from '../support/stage.ts';
import { invariants } from './ground.ts';
import { type Scene, scene } from './scene.ts';

const timeout = 240_000;

/** `shelf-count`, whose question waits wherever the gate is shut. */
const passable = {
  'shelf-count.sql': invariants['shelf-count.sql'].replace('group by', 'where passable() group by'),
};
const gateInQuestion = `
  create function gate() returns void language sql as '';
  create function passable() returns boolean stable language plpgsql as $$ begin perform gate(); return true; end $$;`;

/** The write of a heal waits at the gate, with the row in its hands; the application's own writes pass. */
const gateInWrite = `
  create function gate() returns void language sql as '';
  create function waits() returns trigger language plpgsql as $$ begin perform gate(); return new; end $$;
  create trigger waits before update on shelf for each row
    when (current_setting('application_name') in ('one', 'two')) execute function waits();`;
const counting = { 'shelf-count.sql': invariants['shelf-count.sql'] };

test('another takes over from a sweeper that was killed', { timeout }, async () => {
  const on = await scene(counting);
  const one = await on.up('one');
  await on.sweeps('one');
  await on.up('two');
  one.process.kill('SIGKILL');
  const diedAt = await on.now();
  await one.ended;
  await on.sweeps('two');
  expect(await on.takeovers(diedAt)).toEqual([{ by: 'two', grew: 1, late: false }]);
  // It doesn't only hold the lease: it finds, and heals.
  await on.breakShelf();
  await on.healed();
});

test('a sweeper stopped in the middle of a chunk does no harm when it wakes', { timeout }, async () => {
  const on = await scene(passable, gateInQuestion);
  const one = await on.up('one');
  await on.sweeps('one');
  const two = await on.up('two');

  // Its chunk is being asked; the answer will lie unread while the lease runs out.
  const gate = await shutGate(on.db);
  expect(await on.nameOf(await gate.reached())).toBe('one');
  one.process.kill('SIGSTOP');
  const stoppedAt = await on.now();
  await gate.open();
  await on.sweeps('two');
  expect(await on.takeovers(stoppedAt)).toEqual([{ by: 'two', grew: 1, late: false }]);

  one.process.kill('SIGCONT');
  // Two rounds of telling that it lives: what it had in hand when it woke is over.
  await on.beats('one');
  await on.beats('one');
  expect(await on.db.sql('select distinct by from moved where at > (select max(at) from took)')).toEqual([
    { by: 'two' },
  ]);
  expect(await on.takeovers(stoppedAt)).toHaveLength(1);
  // It follows, and leads again when it is its turn.
  two.process.kill('SIGKILL');
  const diedAt = await on.now();
  await on.sweeps('one');
  expect(await on.takeovers(diedAt)).toEqual([{ by: 'one', grew: 1, late: false }]);
  await on.breakShelf();
  await on.healed();
});

test('a heal that is stopped gives its row back, and another heals it', { timeout }, async () => {
  const on = await scene(counting, gateInWrite);
  const application = await on.db.client();
  const both = { one: await on.up('one'), two: await on.up('two') };
  await on.sweeps('one');
  const gate = await shutGate(on.db);
  await on.breakShelf();
  const name = (await on.nameOf(await gate.reached())) as keyof typeof both;
  const stopped = both[name];
  stopped.process.kill('SIGSTOP');
  await gate.open();

  // The application wants the row. Its statement waits for the stopped heal, and then it has it.
  const since = await on.now();
  await application.query('update shelf set n = n where id = 1');
  expect((await on.now()).getTime() - since.getTime()).toBeLessThan(3_000);
  await on.healed();
  expect(await on.shelf()).toEqual({ n: '3', entries: 1 });

  stopped.process.kill('SIGCONT');
  await on.beats(name);
  await on.beats(name);
  expect(await on.shelf()).toEqual({ n: '3', entries: 1 });
  // It is as good as new.
  const other = name === 'one' ? 'two' : 'one';
  both[other].process.kill('SIGKILL');
  await on.breakShelf();
  await on.healed();
  expect(await on.shelf()).toEqual({ n: '3', entries: 2 });
});

test('SIGTERM in the middle of a heal: it is done to the end', { timeout }, async () => {
  for (let tries = 1; ; tries++) {
    const on = await scene(counting, gateInWrite);
    const { one, gate } = await inTheMiddle(on);
    one.process.kill('SIGTERM');
    await one.says(/stopping/);
    await gate.open();
    expect(await one.ended).toBe(0);
    // On a machine so busy that the gate opens after the heal's second is over it is the other ending: once more.
    if ((await on.shelf()).entries === 0 && tries < 5) {
      expect(await on.shelf()).toEqual(untouched);
      continue;
    }
    expect(await on.shelf()).toEqual({ n: '3', entries: 1 });
    // Whoever comes next finds nothing to do.
    await on.up('two');
    await on.healed();
    expect(await on.shelf()).toEqual({ n: '3', entries: 1 });
    return;
  }
});

test('SIGTERM in the middle of a heal that comes to no end: nothing of it is done', { timeout }, async () => {
  const on = await scene(counting, gateInWrite);
  const { one } = await inTheMiddle(on);
  one.process.kill('SIGTERM');
  expect(await one.ended).toBe(0);
  expect(await on.shelf()).toEqual(untouched);
});

const untouched = { n: '77', entries: 0 };

async function inTheMiddle(on: Scene) {
  const one = await on.up('one');
  await on.sweeps('one');
  const gate = await shutGate(on.db);
  await on.breakShelf();
  await gate.reached();
  return { one, gate };
}
