import { until } from '../support/wait.ts';
import { Patient } from './patient.ts';

/** Looks on, from outside, and says when. */
export class Watcher {
  readonly #server: Patient;

  constructor(url: string) {
    this.#server = new Patient(url);
  }

  /** Until every invariant was looked at once: then they heal. */
  async ready(invariants: number): Promise<void> {
    await until(
      async () => {
        const [row] = await this.#server.rows<{ there: boolean }>(
          `select to_regclass('evenkeel.invariant') is not null as there`,
        );
        if (!row?.there) return false;
        const [proved] = await this.#server.rows<{ n: number }>(
          'select count(*)::int as n from evenkeel.invariant where proved_at is not null',
        );
        return proved?.n === invariants;
      },
      { what: 'the first pass', timeoutMs: 90_000 },
    );
  }

  async entries(): Promise<number> {
    const [row] = await this.#server.rows<{ n: number }>('select count(*)::int as n from evenkeel.entry');
    return row?.n ?? 0;
  }

  /** Until the journal holds so many entries. */
  async healed(entries: number): Promise<void> {
    await until(async () => (await this.entries()) >= entries, {
      what: `${entries} heals`,
      timeoutMs: 90_000,
    });
  }

  /** Until a heal is under way that has written; false: none came by for a while. */
  midway(): Promise<boolean> {
    return until(
      async () => {
        const rows = await this.#server.rows(
          `select from pg_stat_activity
            where application_name = 'evenkeel' and backend_xid is not null and xact_start < clock_timestamp()`,
        );
        return rows.length > 0;
      },
      { what: 'a heal under way', timeoutMs: 2_000 },
    ).then(
      () => true,
      () => false,
    );
  }

  /** Rows that are wrong, and violations that are listed. */
  async left(): Promise<number> {
    const [row] = await this.#server.rows<{ n: number }>(
      `select ((select count(*) from wrong) + (select count(*) from evenkeel.violation))::int as n`,
    );
    return row?.n ?? 0;
  }

  ledger(): Promise<unknown[]> {
    return this.#server
      .rows(`select invariant, key, state, kind, due_at - clock_timestamp() as due, attempts, reason,
        (select array_agg(on_table || ' ' || w.key) from wrong w) as wrong from evenkeel.violation`);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
