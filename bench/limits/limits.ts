import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/db/migrate.ts';
import type { Row } from '../report.ts';
import type { Stage } from '../stage.ts';
import { median } from '../stage.ts';
import type { Counted, Order } from './upstream.ts';

const rates = [50, 200, 1000] as const;
const processes = 4;
const seconds = 10;

/** Four processes, one limit, and an upstream that counts exactly. */
export async function benchLimits(stage: Stage, rounds: number): Promise<Row[]> {
  await migrate(stage.pool);
  const rows: Row[] = [];
  for (const rate of rates) {
    for (const says of ['configured', 'header', 'nothing'] as const) {
      const runs: { kept: number; refused: number }[] = [];
      for (let round = 0; round < rounds; round++)
        runs.push(await run(stage, rate, says, `${says}-${rate}-${round}`));
      const told = {
        configured: 'its configuration says it',
        header: 'its headers say it',
        nothing: 'nobody says it',
      }[says];
      const share = (of: (run: (typeof runs)[number]) => number) =>
        `${(100 * median(runs.map(of))).toFixed(1)} %`;
      rows.push(
        { what: `${rate}/s, ${told}: of the allowed rate`, value: share(({ kept }) => kept) },
        { what: `… refused`, value: share(({ refused }) => refused) },
      );
    }
  }
  rows.push({ what: `slots reserved a second, ${processes} processes`, value: await reservations(stage) });
  return rows;
}

async function run(
  stage: Stage,
  rate: number,
  says: 'configured' | 'header' | 'nothing',
  name: string,
): Promise<{ kept: number; refused: number }> {
  const upstream = fork(fileURLToPath(new URL('upstream.js', import.meta.url)));
  const { port } = await said<{ port: number }>(upstream);
  const ask = async <T>(message: Order | 'count'): Promise<T> => {
    upstream.send(message);
    return said<T>(upstream);
  };
  await ask({ rate, says: says === 'header' });
  // Where it isn't known, half as much again is configured.
  const configured = says === 'configured' ? rate : Math.round(1.5 * rate);
  const args = [stage.url, `http://127.0.0.1:${port}/`, name, String(configured), 'common'];
  const callers = Array.from({ length: processes }, () =>
    fork(fileURLToPath(new URL('caller.js', import.meta.url)), args),
  );
  await Promise.all(callers.map(said));
  // What is learned is learned by then.
  await delay(says === 'nothing' ? 5_000 : 1_500);
  await ask({ rate, says: says === 'header' });
  await delay(1_000 * seconds);
  const { accepted, refused, ms } = await ask<Counted>('count');
  await Promise.all([...callers.map(end), end(upstream)]);
  return { kept: (1_000 * accepted) / ms / rate, refused: refused / (accepted + refused) };
}

/** Its next message. @throws where it ends first */
async function said<T>(child: ChildProcess): Promise<T> {
  const gone = new AbortController();
  try {
    const over = once(child, 'exit', { signal: gone.signal }).then(([code]) => {
      throw new Error(`a process ended with ${String(code)}`);
    });
    return await Promise.race([
      once(child, 'message', { signal: gone.signal }).then(([message]) => message as T),
      over,
    ]);
  } finally {
    gone.abort();
  }
}

async function end(child: ChildProcess): Promise<void> {
  const over = once(child, 'exit');
  child.disconnect();
  await over;
}

/** In blocks of a hundred, as a fast limit takes them. */
async function reservations(stage: Stage): Promise<string> {
  await stage.sql(`insert into evenkeel.rate_limit (name, rate) values ('fast', 1e7) on conflict do nothing`);
  const until = performance.now() + 5_000;
  let slots = 0;
  await Promise.all(
    Array.from({ length: processes }, async () => {
      while (performance.now() < until) {
        const { rows } = await stage.pool.query<{ slots: number }>(
          `select slots from evenkeel.reserve('fast', 100, 1, '00000000-0000-0000-0000-000000000000', 30)`,
        );
        slots += rows[0]?.slots ?? 0;
      }
    }),
  );
  return Math.round(slots / 5).toLocaleString('en');
}
