import { type Tx, sqlState } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { printRemedies } from '../declare/print.ts';
import { type Key, type Values, type Violation, askSome } from '../ask/ask.ts';
import type { Bound } from '../ask/bind.ts';
import { callOf, isClaimed, taskOf } from '../declare/remedy.ts';
import { planFor } from '../heal/plan.ts';
import { eachBound } from '../ask/each.ts';

/** What an invariant says of the database now: what `evenkeel try` shows. */
export interface Look {
  readonly name: string;
  readonly says: string;
  readonly file: string;
  readonly on: string;
  /** As declared; '' where a person decides. */
  readonly heal: string;
  readonly mode: 'observe' | 'heal';
  readonly guard: number | null;
  /** Rows of the governed table, estimated. */
  readonly rows: number;
  /** Broken rows; null where it could not be asked. */
  readonly total: number | null;
  readonly ms: number;
  /** Some of them. */
  readonly some: readonly Example[];
  /** More than it may break in ten minutes without being held: the first `up` would only observe. */
  readonly flood: boolean;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
}

/** One violation, and what would become of it. */
export interface Example {
  readonly key: Key;
  readonly keyColumns: readonly string[];
  readonly kind: Violation['kind'];
  /** What is, and what should be. */
  readonly evidence: Values;
  readonly wanted: Values;
  readonly would: Would;
}

export type Would =
  | { readonly do: 'write'; readonly writes: readonly Write[] }
  /** A person decides, and is told why. */
  | { readonly do: 'ask'; readonly why: string };

/** One row of one table; null: no such row. */
export interface Write {
  readonly remedy: 'set' | 'insert' | 'remove' | 'append';
  readonly table: string;
  readonly before: Values | null;
  readonly after: Values | null;
}

const examples = 5;

/** Asks each in turn inside `tx`; `done` hears of each as soon as it answered. */
export async function lookAt(
  tx: Tx,
  invariants: readonly Invariant[],
  asking: (invariant: Invariant) => void,
  done: (look: Look) => void,
): Promise<Look[]> {
  let started = performance.now();
  const finish = (look: Look) => {
    done(look);
    return look;
  };
  return eachBound(
    tx,
    invariants,
    invariant => {
      started = performance.now();
      asking(invariant);
    },
    async bound => {
      const { total, some } = await askSome(tx, bound, examples);
      const { rows } = bound.table;
      const flood = bound.invariant.guard !== null && total > Math.max(20, Math.floor(rows / 100));
      return finish({
        ...head(bound.invariant, performance.now() - started),
        on: bound.table.quoted,
        rows,
        total,
        flood,
        some: some.map(violation => example(bound, violation)),
        error: null,
      });
    },
    (invariant, { code, located, hint, cause }) => {
      const error = { code, message: located, hint: sqlState(cause) === '57014' ? slow : hint };
      return finish({
        ...head(invariant, performance.now() - started),
        on: invariant.on.table,
        rows: 0,
        total: null,
        flood: false,
        some: [],
        error,
      });
    },
  );
}

const slow = 'It took longer than --timeout allows: EXPLAIN the statement, or give it more time.';

const head = ({ name, says, place, heal, mode, guard }: Invariant, ms: number) => ({
  name,
  says,
  file: place.file,
  heal: printRemedies(heal),
  mode,
  guard,
  ms: Math.round(ms),
});

function example(bound: Bound, violation: Violation): Example {
  const { key, kind, evidence, wanted } = violation;
  const keyColumns = bound.key.map(({ name }) => name);
  return { key, keyColumns, kind, evidence, wanted, would: wouldBe(bound, violation) };
}

function wouldBe(bound: Bound, violation: Violation): Would {
  const plan = planFor(bound, violation);
  if (plan.do === 'park') return { do: 'ask', why: plan.why };
  if (plan.do === 'show') return { do: 'ask', why: whyShown(bound, violation) };
  return { do: 'write', writes: plan.writes.map(write => writeOf(bound, violation, write)) };
}

function whyShown({ invariant }: Bound, { kind, present, key }: Violation): string {
  if (invariant.heal.length === 0) return 'no remedy is declared';
  if (isClaimed(invariant.heal)) return 'a program claims it';
  const task = taskOf(invariant.heal);
  if (task) return `a Celery worker gets it: ${task.task}`;
  const call = callOf(invariant.heal);
  if (call) return `its handler asks ${call.limit?.name ?? call.handler}`;
  if (kind === 'broken' && !present) return 'there is no such row of the governed table';
  if (key.includes(null)) return 'a part of its key is NULL';
  if (kind === 'differs' && invariant.heal.some(remedy => remedy.do === 'set'))
    return '`set` writes none of these columns';
  return `no remedy is listed for a row that ${cases[kind]}`;
}
const cases = { differs: 'differs', missing: 'is missing', extra: 'is one too many', broken: 'is broken' };

type Planned = Extract<ReturnType<typeof planFor>, { do: 'write' }>['writes'][number];

function writeOf(bound: Bound, { key, wanted, evidence }: Violation, write: Planned): Write {
  const table = bound.table.quoted;
  const own: Values = Object.fromEntries(bound.key.map(({ name }, i) => [name, key[i] ?? null]));
  const pick = (values: Values, names: readonly string[]): Values =>
    Object.fromEntries(names.map(name => [name, (name in values ? values[name] : own[name]) ?? null]));
  switch (write.do) {
    case 'set': {
      const names = bound.sets.map(({ name }) => name);
      return { remedy: 'set', table, before: pick(evidence, names), after: pick(wanted, names) };
    }
    case 'insert':
      return { remedy: 'insert', table, before: null, after: { ...own, ...wanted } };
    case 'remove':
      return { remedy: 'remove', table, before: { ...own, ...evidence }, after: null };
    case 'append': {
      const into = bound.appends.find(({ remedy }) => remedy === write);
      const values = pick(wanted, write.columns);
      return { remedy: 'append', table: into?.table.quoted ?? write.table, before: null, after: values };
    }
  }
}
