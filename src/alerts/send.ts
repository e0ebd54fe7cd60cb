import type { Config } from '../config.ts';
import type { Pool } from '../db/pool.ts';

/**
 * Sends what `raise` queued to a Slack-compatible webhook: all that waits goes into one message, so that a flood is one
 * message. At least once, with growing pauses; without a URL the queue is only a record.
 */
export async function sendAlerts(pool: Pool, config: Pick<Config, 'alertUrl'>): Promise<void> {
  if (!config.alertUrl) return;
  // A lease of a minute on the rows, not an open transaction: a slow webhook must not hold a snapshot.
  const { rows } = await pool.query<{ id: string; kind: string; text: string; at: Date }>(
    `update evenkeel.alert a
        set attempts = attempts + 1,
            next_try_at = clock_timestamp() + least(interval '1 minute' * power(2, attempts), interval '1 hour')
      where id in (select id from evenkeel.alert where sent_at is null and next_try_at <= clock_timestamp()
                    order by id limit 1000 for update skip locked)
      returning id, kind, text, at`,
  );
  if (rows.length === 0) return;
  const lines = rows.toSorted((a, b) => Number(a.id) - Number(b.id)).map(({ text }) => `• ${text}`);
  const shown = lines.slice(0, 20);
  if (lines.length > shown.length)
    shown.push(`… and ${lines.length - shown.length} more: \`evenkeel status\``);
  const response = await fetch(config.alertUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: `Evenkeel\n${shown.join('\n')}` }),
    signal: AbortSignal.timeout(10_000),
    redirect: 'error',
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the alert webhook answered ${response.status}`);
  await pool.query('update evenkeel.alert set sent_at = clock_timestamp() where id = any($1)', [
    rows.map(({ id }) => id),
  ]);
}
