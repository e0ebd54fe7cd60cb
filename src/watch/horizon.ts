import type { Pool } from '../db/pool.ts';
import type { Progress } from './sweep.ts';

/**
 * A pass proves what was committed before it began. On a replica that is true once it has replayed all of that, so the first
 * chunk waits until then; later ones see later states.
 */
export class Horizon {
  readonly #primary: Pool;
  readonly #reader: Pool;
  /** By invariant: where the primary's WAL ended when the pass had begun. */
  readonly #ends = new Map<string, { readonly began: number | undefined; readonly lsn: string }>();

  /** @param reader where chunks are read; the primary itself, where there is no replica */
  constructor(primary: Pool, reader: Pool) {
    this.#primary = primary;
    this.#reader = reader;
  }

  async reached(name: string, { cursor, passStartedAt }: Progress): Promise<boolean> {
    if (this.#reader === this.#primary || cursor !== null) return true;
    const began = passStartedAt?.getTime();
    let end = this.#ends.get(name);
    if (!end || end.began !== began) {
      const { rows } = await this.#primary.query<{ lsn: string }>(
        'select pg_current_wal_insert_lsn()::text as lsn',
      );
      end = { began, lsn: rows[0]?.lsn ?? '0/0' };
      this.#ends.set(name, end);
    }
    // One that was promoted replays nothing any more: it is a primary of its own.
    const { rows } = await this.#reader.query<{ there: boolean }>(
      'select not pg_is_in_recovery() or pg_last_wal_replay_lsn() >= $1::pg_lsn as there',
      [end.lsn],
    );
    return rows[0]?.there ?? false;
  }
}
