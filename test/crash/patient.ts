import pg from 'pg';
import { isDown } from '../../src/db/pool.ts';
import { until } from '../support/wait.ts';

/** Queries that outlive the server: tried again, on a new connection, until it is back. */
export class Patient {
  readonly #pool: pg.Pool;
  #closed: Promise<void> | undefined;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'crash test' });
    this.#pool.on('error', () => undefined);
  }

  /** A statement of which it doesn't matter whether one that was cut off had committed. */
  async rows<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return until(
      () =>
        this.#pool.query<T>(text, values).then(
          ({ rows }) => rows,
          error => {
            if (isDown(error)) return undefined;
            throw error;
          },
        ),
      { what: 'the server to come back', timeoutMs: 90_000 },
    );
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#pool.end());
  }
}
