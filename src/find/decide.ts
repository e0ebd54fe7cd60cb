import { type Pool, type Tx, transaction } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import type { Key } from '../ask/ask.ts';
import { noteDecision } from './decision.ts';
import { hold } from './flood.ts';
import { unknownInvariant } from './overview.ts';

/**
 * What a person decides: approve, hold, resume. Every door calls these. Each is one transaction; what must bind at once
 * takes the lock that heals hold shared until they commit, so that when it returns nothing decided against commits any more.
 */
export interface Subject {
  readonly invariant: string;
  readonly key: Key;
}

/** A few statements each; a heal under way is waited for. */
const limits = { statement: 20_000, lock: 15_000, schemas: ['public'] };

export interface Approval {
  readonly approved: readonly ({ readonly id: string; readonly keyColumns: readonly string[] } & Subject)[];
  readonly refused: readonly { readonly id: string; readonly why: string }[];
}

/** Says yes to violations: healed even where their invariant observes. Ids are the ledger's. */
export async function approve(pool: Pool, ids: readonly string[], by: string): Promise<Approval> {
  return transaction(pool, limits, tx => say(tx, ids, by));
}

/** The same for all of an invariant that were listed by then, as far as a person may approve them. @throws no-such */
export async function approveAll(pool: Pool, name: string, upTo: string, by: string): Promise<Approval> {
  return transaction(pool, limits, async tx => {
    await requireInvariant(tx, name);
    const { rows } = await tx.query<{ id: string }>(
      `select id from evenkeel.violation
        where invariant = $1 and id <= $2 and state in ('open', 'claimed', 'parked') order by id`,
      [name, upTo],
    );
    return say(
      tx,
      rows.map(({ id }) => id),
      by,
    );
  });
}

async function say(tx: Tx, ids: readonly string[], by: string): Promise<Approval> {
  const { rows } = await tx.query<Candidate>(
    `select v.id, v.invariant, v.key, v.state, coalesce(i.heal, '') as heal, coalesce(i.key, '{}') as "keyColumns"
         from evenkeel.violation v left join evenkeel.invariant i on i.name = v.invariant
        where v.id = any($1) order by v.id for update of v`,
    [ids],
  );
  const found = new Map(rows.map(row => [row.id, row]));
  const refused = ids.flatMap(id => {
    const why = whyNot(found.get(id));
    return why === undefined ? [] : [{ id, why }];
  });
  const yes = rows.filter(row => whyNot(row) === undefined);
  await tx.query(
    `update evenkeel.violation set state = 'approved', decided_by = $2, due_at = clock_timestamp(), attempts = 0,
              reason = null where id = any($1)`,
    [yes.map(({ id }) => id), by],
  );
  for (const invariant of new Set(yes.map(row => row.invariant))) {
    const own = yes.filter(row => row.invariant === invariant);
    const key = own.length === 1 ? own[0]?.key : undefined;
    await noteDecision(tx, { by, what: 'approve', invariant, count: own.length, ...(key ? { key } : {}) });
  }
  return {
    approved: yes.map(({ id, invariant, key, keyColumns }) => ({ id, invariant, key, keyColumns })),
    refused,
  };
}

interface Candidate extends Subject {
  id: string;
  keyColumns: readonly string[];
  state: string;
  heal: string;
}

function whyNot(row: Candidate | undefined): string | undefined {
  if (!row) return 'there is no such violation; it may have come right meanwhile';
  if (row.state === 'undone' || row.state === 'held') return `it is ${row.state}: say resume first`;
  const writes = row.heal.split('; ').some(remedy => remedy !== '' && !remedy.startsWith('park '));
  return writes ? undefined : 'its invariant declares no remedy that writes';
}

/** The invariant observes until a person says resume; false: it did already. @throws no-such */
export async function holdInvariant(
  pool: Pool,
  name: string,
  by: string,
  why: string | undefined,
): Promise<boolean> {
  return transaction(pool, limits, async tx => {
    await requireInvariant(tx, name);
    await betweenHeals(tx);
    const fresh = await hold(tx, name, why === undefined ? `held by ${by}` : `${why} (${by})`);
    if (fresh) await noteDecision(tx, { by, what: 'hold', invariant: name, why: why ?? null });
    return fresh;
  });
}

/** The subject is left alone until a person says resume, whether it is violated now or not. @throws no-such */
export async function holdSubject(pool: Pool, { invariant, key }: Subject, by: string): Promise<void> {
  await transaction(pool, limits, async tx => {
    await requireInvariant(tx, invariant);
    await betweenHeals(tx);
    await tx.query(
      `insert into evenkeel.leave (invariant, key, by) values ($1, $2, $3)
       on conflict (invariant, key) do update
          set by = excluded.by, at = clock_timestamp(), entry = null, restored = null`,
      [invariant, key, by],
    );
    await tx.query(
      `update evenkeel.violation set state = 'held', decided_by = $3, reason = 'held by ' || $3
        where invariant = $1 and key = $2`,
      [invariant, key, by],
    );
    await noteDecision(tx, { by, what: 'hold', invariant, key });
  });
}

/**
 * The invariant does again what it declares, and is looked at anew. It gets a fresh budget, for the flood as for the guard:
 * what held it must not hold it again for the same rows. False: nothing held it.
 * @throws no-such
 */
export async function resumeInvariant(pool: Pool, name: string, by: string): Promise<boolean> {
  return transaction(pool, limits, async tx => {
    await requireInvariant(tx, name);
    const { rows } = await tx.query<{ held: boolean }>(
      'select held_at is not null as held from evenkeel.invariant where name = $1 for update',
      [name],
    );
    const held = rows[0]?.held === true;
    await tx.query(
      `update evenkeel.invariant set held_at = null, held_why = null, next_pass_at = clock_timestamp() where name = $1`,
      [name],
    );
    if (held) {
      await tx.query(
        `update evenkeel.pulse set opened = 0, written = 0
          where invariant = $1 and minute > clock_timestamp() - interval '61 minutes'`,
        [name],
      );
    }
    await noteDecision(tx, { by, what: 'resume', invariant: name });
    return held;
  });
}

/** Every row is looked at anew, as soon as the running pass is over. @throws no-such */
export async function sweepNow(pool: Pool, name: string, by: string): Promise<void> {
  await transaction(pool, limits, async tx => {
    await requireInvariant(tx, name);
    await tx.query('update evenkeel.invariant set next_pass_at = clock_timestamp() where name = $1', [name]);
    await noteDecision(tx, { by, what: 'sweep', invariant: name });
  });
}

/** The subject is healed like any other again, from now on; its attempts begin anew. @throws no-such */
export async function resumeSubject(pool: Pool, { invariant, key }: Subject, by: string): Promise<void> {
  await transaction(pool, limits, async tx => {
    const left = await tx.query('delete from evenkeel.leave where invariant = $1 and key = $2', [
      invariant,
      key,
    ]);
    const opened = await tx.query(
      `update evenkeel.violation
          set state = 'open', due_at = clock_timestamp(), attempts = 0, reason = null, decided_by = null
        where invariant = $1 and key = $2 and state in ('undone', 'held', 'parked')`,
      [invariant, key],
    );
    if ((left.rowCount ?? 0) + (opened.rowCount ?? 0) > 0) {
      await noteDecision(tx, { by, what: 'resume', invariant, key });
      return;
    }
    await requireInvariant(tx, invariant);
    throw new EvenkeelError('no-such', `nothing holds this subject of ${invariant}`, {
      hint: 'Run `evenkeel violations` to see which are undone, held or parked.',
    });
  });
}

/** Every heal holds this lock shared until it has committed. */
async function betweenHeals(tx: Tx): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(4526, 0)');
}

async function requireInvariant(tx: Tx, name: string): Promise<void> {
  const { rowCount } = await tx.query('select from evenkeel.invariant where name = $1', [name]);
  if (!rowCount) throw await unknownInvariant(tx, name);
}
