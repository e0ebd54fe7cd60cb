import type pg from 'pg';

/** One thing that happened to one row, by whoever: from the corrupter's own log, or from the journal. */
interface Step {
  at: string;
  on_table: 'shelf' | 'mirror';
  key: string;
  before: string | null;
  after: string | null;
  /** What the row should be from now on, where the corrupter said so. */
  wanted: string | null;
  /** Journal entry; null: a corruption. */
  entry: string | null;
  action: string | null;
}

export interface Audit {
  readonly heals: number;
  readonly corruptions: number;
  /** Sentences; none where each row's steps follow each other and end at what the row is now. */
  readonly faults: readonly string[];
}

/**
 * Follows each row from how it began to what it is now. A heal that wasn't journaled leaves a step that doesn't begin where
 * the last one ended; one journaled twice begins where it has been already; one of a row that was right, or that left
 * it wrong, is named.
 */
export async function audit(client: pg.ClientBase, begins: Begins): Promise<Audit> {
  const { rows: steps } = await client.query<Step>(
    `select at, on_table, key, before, after, wanted, null as entry, null as action from corruption
     union all
     select at, split_part(table_name, '.', 2), key[1], before ->> c.name, after ->> c.name, null, id::text, action
       from evenkeel.entry
       cross join lateral (select case split_part(table_name, '.', 2) when 'shelf' then 'n' else 'v' end as name) c
      order by 1`,
  );
  const { rows: ends } = await client.query<{ row: string; is: string }>(
    `select 'shelf ' || id as row, n::text as is from shelf union all select 'mirror ' || id, v from mirror`,
  );
  const faults: string[] = [];
  const is = new Map<string, string | null>(Object.entries(begins));
  const wanted = new Map(is);
  for (const step of steps) {
    const row = `${step.on_table} ${step.key}`;
    const was = is.get(row) ?? null;
    const should = wanted.get(row) ?? null;
    const said = `${step.entry === null ? 'a corruption' : `entry ${step.entry} (${step.action})`} of ${row}`;
    if (step.before !== was) faults.push(`${said} began with ${step.before}, but the row was ${was}`);
    if (step.entry === null) wanted.set(row, step.wanted);
    else {
      if (was === should) faults.push(`${said}: the row was right`);
      if (step.after !== should) faults.push(`${said} left ${step.after}, but it should be ${should}`);
      if (step.action !== actionFor(was, should)) faults.push(`${said} was the wrong action`);
    }
    is.set(row, step.after);
  }
  const now = new Map(ends.map(end => [end.row, end.is]));
  for (const row of new Set([...is.keys(), ...now.keys()])) {
    const last = is.get(row) ?? null;
    if (last !== (now.get(row) ?? null))
      faults.push(`${row} is ${now.get(row)}, but its last step left ${last}`);
  }
  const heals = steps.filter(({ entry }) => entry !== null).length;
  return { heals, corruptions: steps.length - heals, faults };
}

/** `table key` → the column's text. */
export type Begins = Readonly<Record<string, string>>;

function actionFor(was: string | null, should: string | null): string {
  if (was === null) return 'insert';
  return should === null ? 'remove' : 'set';
}
