/**
 * Guarantee 6: nothing committed is lost when anything dies. Processes and the server itself are killed and stopped at
 * random instants in a storm of heals; then each row's history must be without a gap and without a repetition.
 */
import { randomInt } from 'node:crypto';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type Running, folder, start } from '../cli/run.ts';
import { freshCluster } from '../support/cluster.ts';
import { until } from '../support/wait.ts';
import { audit } from './audit.ts';
import { Corrupter } from './corrupter.ts';
import { env, invariants, rows, schema } from './ground.ts';
import { random } from './random.ts';
import { Watcher } from './watcher.ts';

const soak = process.env['EVENKEEL_TEST_SOAK'] === '1';
/** What happens, in random order; the loss of the sweeper alone costs six seconds until another goes on. */
const deck = Array.from({ length: soak ? 40 : 1 }, () => [
  ...(['crash', 'crash', 'stop', 'stop', 'stop', 'stop'] as const),
  ...(['kill', 'kill', 'kill', 'kill', 'kill', 'kill'] as const),
]).flat();
const processes = 3;
const seed = Number(process.env['EVENKEEL_TEST_SEED'] ?? randomInt(2 ** 31));

test(
  `kill -9 and SIGSTOP in a storm of heals (EVENKEEL_TEST_SEED=${seed})`,
  { timeout: deck.length * 30_000 },
  async () => {
    const below = random(seed);
    const take = <T>(among: T[]) => among.splice(below(among.length), 1)[0] as T;
    const cluster = await freshCluster();
    const { url } = cluster;
    const cwd = await folder(invariants);
    await once(url, client => client.query(schema));
    const running: Running[] = [];
    const stopped: Running[] = [];
    const begin = async () => {
      running.push(await start({ url, cwd, env }, 'up', '--invariants', 'invariants'));
    };
    while (running.length < processes) await begin();

    const watcher = new Watcher(url);
    onTestFinished(() => watcher.close());
    const corrupter = new Corrupter(url, random(seed + 1));
    onTestFinished(() => corrupter.stop());
    await watcher.ready(Object.keys(invariants).length);
    corrupter.start();
    let midway = 0;
    const deeds = [...deck];
    while (deeds.length > 0) {
      await watcher.healed((await watcher.entries()) + 1 + below(30));
      // Half of the time in the middle of a heal that has written, else wherever it happens to be.
      if (below(2) === 0 && (await watcher.midway())) midway++;
      const [deed] = deeds.splice(below(deeds.length), 1);
      if (deed === 'crash') {
        await cluster.kill();
        await cluster.restart();
      } else if (deed === 'stop') {
        const one = take(running);
        one.process.kill('SIGSTOP');
        stopped.push(one);
      } else {
        const one = take(stopped.length > 0 && below(4) === 0 ? stopped : running);
        one.process.kill('SIGKILL');
        await one.ended;
        await begin();
      }
      if (stopped.length > 0 && (below(2) === 0 || running.length === 1)) {
        const one = take(stopped);
        one.process.kill('SIGCONT');
        running.push(one);
      }
    }
    await corrupter.stop();
    for (const one of stopped.splice(0)) {
      one.process.kill('SIGCONT');
      running.push(one);
    }

    await until(async () => (await watcher.left()) === 0, {
      what: 'everything to be right',
      timeoutMs: 120_000,
    }).catch(async error => {
      throw new Error(`${String(error)}: ${JSON.stringify(await watcher.ledger())}`);
    });
    // One that has only just begun isn't listening yet.
    const pids = running.map(one => one.process.pid);
    await once(url, client =>
      until(
        async () => {
          const up = await client.query('select distinct pid from evenkeel.process where pid = any($1)', [
            pids,
          ]);
          return up.rowCount === pids.length;
        },
        { what: 'every process to be up' },
      ),
    );
    for (const one of running) one.process.kill('SIGTERM');
    expect(await Promise.all(running.map(({ ended }) => ended))).toEqual(running.map(() => 0));

    // A look from before a heal may have been listed after it, by the last one that stopped: asked again, it goes.
    const last = await start({ url, cwd, env }, 'up', '--once', '--invariants', 'invariants');
    expect(await last.ended, last.stderr()).toBe(0);

    await once(url, async client => {
      const begins = Object.fromEntries(
        Array.from({ length: rows }, (_, i) => [
          [`shelf ${i + 1}`, '3'],
          [`mirror ${i + 1}`, 'as it was'],
        ]).flat(),
      );
      const { faults, heals, corruptions } = await audit(client, begins);
      console.log(`storm: ${JSON.stringify({ seed, midway, heals, corruptions })}`);
      expect(faults).toEqual([]);
      expect(heals).toBeGreaterThan(100);
      // The audit would have noticed.
      for (const forgery of forgeries) {
        await client.query(`begin; ${forgery}`);
        expect((await audit(client, begins)).faults, forgery).not.toEqual([]);
        await client.query('rollback');
      }
      // What the guards count was committed together with what it counts.
      const counted = await client.query(
        `select (select sum(written) from evenkeel.pulse)::int as written, (select count(*) from evenkeel.entry)::int as entries`,
      );
      expect(counted.rows).toEqual([{ written: heals, entries: heals }]);
      expect((await client.query('select * from wrong')).rows).toEqual([]);
      expect((await client.query('select * from evenkeel.violation')).rows).toEqual([]);
    });
  },
);

const someEntry = '(select percentile_disc(0.5) within group (order by id) from evenkeel.entry)';
/** What must not happen to a journal: an entry lost, one written twice, a write without one. */
const forgeries = [
  `delete from evenkeel.entry where id = ${someEntry}`,
  `insert into evenkeel.entry (invariant, hash, action, table_name, key, key_columns, before, after, subject, decided_by)
   select invariant, hash, action, table_name, key, key_columns, before, after, subject, decided_by
     from evenkeel.entry where id = ${someEntry}`,
  'update shelf set n = n + 1 where id = 1',
];

async function once(url: string, act: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await act(client);
  } finally {
    await client.end();
  }
}
