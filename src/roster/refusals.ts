import type { Bound } from '../ask/bind.ts';
import { type Placed, check } from '../check/check.ts';
import { checkHeals } from '../check/heals/check.ts';
import { type Pool, describe, transaction } from '../db/pool.ts';
import type { Log } from '../log.ts';

/** What isn't decided by then counts as undecided: nothing waits for a proof; ms. */
const mostMs = 10_000;

/**
 * Invariants of which `check` can prove that something is wrong stay in observe, whatever they declare. What it can't prove
 * or ask keeps nothing from healing, and the process from nothing.
 */
export class Refusals {
  readonly #pool: Pool;
  readonly #log: Log;
  /** Which wordings were asked about last. */
  #asked = '';
  #reasons = new Map<string, string>();

  constructor(pool: Pool, log: Log) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Asks about these where they aren't the ones of the last time, and notes in the ledger what came of it. */
  async settle(bounds: readonly Bound[]): Promise<void> {
    const asked = JSON.stringify(bounds.map(({ name, hash }) => [name, hash]));
    try {
      if (asked !== this.#asked) {
        const before = this.#reasons;
        this.#reasons = await reasonsAgainst(this.#pool, bounds);
        this.#asked = asked;
        for (const [name, why] of this.#reasons) {
          if (before.get(name) !== why)
            this.#log.warn(`${name} only observes: ${why}; \`evenkeel check ${name}\` says more`);
        }
      } else if (this.#reasons.size === 0) return;
      // Again each time: a wording may have come into force since.
      await note(this.#pool, bounds, this.#reasons);
    } catch (error) {
      this.#asked = asked;
      this.#log.warn(`the invariants were not checked: ${describe(error)}`);
    }
  }
}

async function note(
  pool: Pool,
  bounds: readonly Bound[],
  reasons: ReadonlyMap<string, string>,
): Promise<void> {
  await pool.query(
    `update evenkeel.invariant i
        set refused_why = r.why, mode = case when r.why is null then r.mode else 'observe' end
       from jsonb_to_recordset($1::jsonb) r(name text, hash text, mode text, why text)
      where i.name = r.name and i.hash = r.hash and i.refused_why is distinct from r.why`,
    [
      JSON.stringify(
        bounds.map(({ name, hash, invariant }) => ({
          name,
          hash,
          mode: invariant.mode,
          why: reasons.get(name) ?? null,
        })),
      ),
    ],
  );
}

/** Name → why, of those that would heal. */
async function reasonsAgainst(pool: Pool, bounds: readonly Bound[]): Promise<Map<string, string>> {
  const reasons = new Map<string, string>();
  const end = performance.now() + mostMs;
  const [first] = bounds;
  if (!first || bounds.every(({ invariant }) => invariant.mode !== 'heal')) return reasons;
  const limits = { readOnly: true, statement: mostMs / 5, lock: 500, schemas: first.schemas };
  await transaction(pool, limits, async tx => {
    const asked = bounds.filter(({ invariant }) => !invariant.source);
    const object = (name: string, { rule, name: title, message, severity, ignored }: Placed) => {
      if (severity !== 'error' || ignored !== null || reasons.has(name)) return;
      if (bounds.some(one => one.name === name && one.invariant.mode === 'heal'))
        reasons.set(name, `${rule} ${title}: ${message}`);
    };
    for (const [name, findings] of await checkHeals(tx, asked, mostMs)) {
      for (const one of findings)
        for (const party of [name, ...(one.with ?? []).map(other => other.name)]) object(party, one);
    }
    for (const { name, invariant } of asked) {
      if (performance.now() > end) break;
      for (const one of (await check(tx, invariant)).findings) object(name, one);
    }
  });
  return reasons;
}
