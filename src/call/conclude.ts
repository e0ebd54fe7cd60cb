import { columnOf } from '../catalog/relation.ts';
import { keyId } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { setColumns } from '../ask/writable.ts';
import type { Answer } from '../declare/call.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import { type Outcome, type Part, type Ward, healTaken } from '../heal/batch.ts';
import { type Claimed, type Settled } from '../heal/claim.ts';
import { Failed } from './errand.ts';
import type { Ended } from './handle.ts';
import { type Leased, stillOurs } from './lease.ts';

/** A violation, and what asking about it came to. */
export interface Concluded {
  readonly leased: Leased;
  readonly end: Said | Settled;
}

/** What is to be written: a handler's answer, or what is declared, where the other system says so still. */
export type Said = Answer | { readonly do: 'as-declared' };

/** What a run came to, for each of its violations. */
export function concluded(leased: readonly Leased[], ended: Ended<readonly (Said | Failed)[]>): Concluded[] {
  return leased.map((one, i): Concluded => {
    if (ended.did === 'failed') return { leased: one, end: ended };
    if (ended.did === 'refused') return { leased: one, end: { did: 'waits', why: ended.why, ms: ended.ms } };
    const answer = ended.answer[i];
    if (answer instanceof Failed || !answer) {
      const { message = 'it returned nothing', known = false } = answer ?? {};
      return { leased: one, end: { did: 'failed', why: message, known } };
    }
    return { leased: one, end: answer };
  });
}

/**
 * Writes answers down, as heals are: one transaction with the ledger and the journal. What this process has lost meanwhile, and
 * rows that changed since, are left as they are.
 */
export async function conclude(
  ward: Ward,
  bound: Bound,
  holder: string,
  all: readonly Concluded[],
): Promise<Outcome> {
  return healTaken(ward, bound, {
    most: all.length,
    take: async tx => {
      const ours = new Set(
        await stillOurs(
          tx,
          holder,
          all.map(({ leased }) => leased),
        ),
      );
      const known = new Map<string, Settled>();
      const parts = new Map<string, Draft>();
      const claimed: Claimed[] = [];
      for (const { leased, end } of all) {
        if (!ours.has(leased)) continue;
        const one: Claimed = { ...leased.claimed, listed: leased.violation };
        claimed.push(one);
        const id = keyId(one.key);
        if ('did' in end) known.set(id, end);
        else {
          try {
            put(parts, bound, leased, one, end);
          } catch (error) {
            if (!(error instanceof EvenkeelError)) throw error;
            known.set(id, { did: 'failed', why: `the handler's answer: ${error.message}`, known: true });
          }
        }
      }
      return { claimed, known, parts: [...parts.values()].map(partOf) };
    },
  });
}

/** Answers of one shape, which are written together. */
interface Draft {
  readonly bound: Bound;
  readonly rows: {
    readonly claimed: Claimed;
    readonly leased: Leased;
    readonly answer: Said;
  }[];
}

function put(parts: Map<string, Draft>, bound: Bound, leased: Leased, claimed: Claimed, answer: Said): void {
  const shape = JSON.stringify(answer.do === 'assign' ? Object.keys(answer.values) : answer);
  const part = parts.get(shape) ?? { bound: answering(bound, answer), rows: [] };
  part.rows.push({ claimed, leased, answer });
  parts.set(shape, part);
}

function partOf({ bound, rows }: Draft): Part {
  const values = new Map(
    rows.flatMap(({ claimed, answer }) =>
      answer.do === 'assign' ? [[keyId(claimed.key), answer.values] as const] : [],
    ),
  );
  const versions = new Map(
    rows.flatMap(({ claimed, leased: { version } }) =>
      version === undefined ? [] : [[keyId(claimed.key), version] as const],
    ),
  );
  return {
    bound,
    claimed: rows.map(({ claimed }) => claimed),
    answered: { wanted: key => values.get(keyId(key)), versions },
  };
}

/** The invariant as if it had been declared with this answer. @throws unknown-column, not-writable, bad-remedy */
function answering(bound: Bound, answer: Said): Bound {
  if (answer.do === 'as-declared') return bound;
  const { table, key } = bound;
  if (answer.do !== 'assign') {
    const invariant: Invariant = { ...bound.invariant, heal: [answer] };
    return { ...bound, invariant, sets: setColumns(invariant, table, bound.columns) };
  }
  const columns = Object.keys(answer.values);
  const invariant: Invariant = { ...bound.invariant, heal: [{ do: 'set', columns }] };
  const part = columns.find(name => key.some(column => column.name === name));
  if (part !== undefined)
    throw new EvenkeelError('not-writable', `${part} is part of the key`, { place: invariant.place });
  const asResult = columns.map(name => ({ name, own: columnOf(table, name) }));
  return { ...bound, invariant, sets: setColumns(invariant, table, asResult) };
}
