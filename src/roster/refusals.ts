import type { Bound } from '../ask/bind.ts';
import { type Placed, check } from '../check/check.ts';
import { checkHeals, unasked } from '../check/heals/check.ts';
import { type Pool, describe, transaction } from '../db/pool.ts';
import type { Log } from '../log.ts';

/** What isn't decided by then counts as undecided: nothing waits for a proof; ms. */
const mostMs = 10_000;

/** While a reason stands it may have gone away; and what failed may work; ms. */
const againMs = 60_000;

interface Answer {
  readonly hash: string;
  /** null: nothing is wrong with it. */
  readonly why: string | null;
}

/**
 * Invariants of which `check` can prove that something is wrong stay in observe, whatever they declare. What it can't prove
 * or ask keeps nothing from healing, and the process from nothing; but what was proved once stands until it was asked again.
 */
export class Refusals {
  readonly #pool: Pool;
  readonly #log: Log;
  /** Which wordings were asked about last. */
  #asked = '';
  #askedAt = -Infinity;
  #failedAt = -Infinity;
  /** By name. Those that could not be asked are missing. */
  #answers: ReadonlyMap<string, Answer> = new Map();

  constructor(pool: Pool, log: Log) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Why a wording only observes, where that is known. */
  why({ name, hash }: Pick<Bound, 'name' | 'hash'>): string | undefined {
    const answer = this.#answers.get(name);
    return answer?.hash === hash ? (answer.why ?? undefined) : undefined;
  }

  /** Asks about these where it is time to, and notes in the ledger what came of it. */
  async settle(bounds: readonly Bound[]): Promise<void> {
    const asked = JSON.stringify(bounds.map(({ name, hash }) => [name, hash]));
    const now = performance.now();
    const stands = [...this.#answers.values()].some(({ why }) => why !== null);
    const due = asked !== this.#asked || (stands && now - this.#askedAt >= againMs);
    try {
      if (due && now - this.#failedAt >= againMs) {
        await this.#ask(bounds);
        this.#asked = asked;
        this.#askedAt = performance.now();
      } else if (!stands) return;
      // Again each time: a wording may have come into force since.
      await note(this.#pool, bounds, this.#answers);
    } catch (error) {
      this.#failedAt = performance.now();
      this.#log.warn(`the invariants were not checked: ${describe(error)}`);
    }
  }

  async #ask(bounds: readonly Bound[]): Promise<void> {
    // Another process, or this one before it was started again, may have found out more.
    const { rows } = await this.#pool.query<{ name: string; hash: string; why: string }>(
      'select name, hash, refused_why as why from evenkeel.invariant where refused_why is not null',
    );
    const noted = new Map(rows.map(({ name, hash, why }) => [JSON.stringify([name, hash]), why]));
    const before = this.#answers;
    this.#answers = await answersTo(
      this.#pool,
      bounds,
      one => this.why(one) ?? noted.get(JSON.stringify([one.name, one.hash])),
    );
    for (const [name, { why }] of this.#answers) {
      if (why !== null && before.get(name)?.why !== why)
        this.#log.warn(`${name} only observes: ${why}; \`evenkeel check ${name}\` says more`);
    }
  }
}

async function note(
  pool: Pool,
  bounds: readonly Bound[],
  answers: ReadonlyMap<string, Answer>,
): Promise<void> {
  await pool.query(
    `update evenkeel.invariant i
        set refused_why = r.why, mode = case when r.why is null then r.mode else 'observe' end
       from jsonb_to_recordset($1::jsonb) r(name text, hash text, mode text, why text)
      where i.name = r.name and i.hash = r.hash and i.refused_why is distinct from r.why`,
    [
      JSON.stringify(
        bounds.flatMap(({ name, hash, invariant }) => {
          const answer = answers.get(name);
          return answer?.hash === hash ? { name, hash, mode: invariant.mode, why: answer.why } : [];
        }),
      ),
    ],
  );
}

/** Of those that were asked to their end, and of those of which an earlier reason stands. */
async function answersTo(
  pool: Pool,
  bounds: readonly Bound[],
  earlier: (one: Bound) => string | undefined,
): Promise<Map<string, Answer>> {
  const reasons = new Map<string, string>();
  const end = performance.now() + mostMs;
  // What only observes writes nothing: no heal is in its way.
  const healing = bounds.filter(({ invariant }) => invariant.mode === 'heal' && !invariant.source);
  /** Of these it isn't known what every rule would say: a name, or `<rule> <name>`. */
  const open = new Set<string>();
  const asked = new Set<string>();
  const told = (name: string, { rule, name: title, message, severity, ignored }: Placed) => {
    if (severity === 'error' && ignored === null && !reasons.has(name))
      reasons.set(name, `${rule} ${title}: ${message}`);
  };
  const [first] = healing;
  if (first) {
    const limits = { readOnly: true, statement: mostMs / 5, lock: 500, schemas: first.schemas };
    await transaction(pool, limits, async tx => {
      for (const [name, findings] of await checkHeals(tx, healing, mostMs)) {
        for (const one of findings) {
          const parties = [name, ...(one.with ?? []).map(other => other.name)];
          for (const party of parties) told(party, one);
          if (one.severity !== 'undecided') continue;
          const nobody = one.message.startsWith(unasked);
          for (const party of nobody ? healing.map(each => each.name) : parties) open.add(party);
        }
      }
      if (performance.now() > end) return;
      for (const { name, invariant } of healing) {
        for (const one of (await check(tx, invariant)).findings) {
          told(name, one);
          if (one.severity === 'undecided') open.add(`${one.rule} ${name}`);
        }
        asked.add(name);
        if (performance.now() > end) return;
      }
    });
  }
  const answers = new Map<string, Answer>();
  for (const one of bounds) {
    const { name, hash } = one;
    const before = earlier(one);
    const [rule = ''] = before?.split(' ') ?? [];
    const ended =
      !healing.includes(one) || (asked.has(name) && !open.has(name) && !open.has(`${rule} ${name}`));
    const why = reasons.get(name) ?? (ended ? null : before);
    if (why !== undefined) answers.set(name, { hash, why });
  }
  return answers;
}
