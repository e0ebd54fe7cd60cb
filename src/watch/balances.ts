import { quote } from '../db/pool.ts';
import type { Key } from '../ask/ask.ts';
import type { Image, Watched } from './capture/capture.ts';
import { type Decimal, minus, plus, read, times } from './decimal.ts';
import { type Telling, alike } from './follower.ts';
import type { Amount, Balance, Term } from './scope/balance.ts';
import { mayHold } from './scope/condition.ts';
import { compile } from './scope/keys.ts';
import { type Suspects, idOf } from './suspects.ts';

/** How the rows of one table are read. */
export interface Reading {
  readonly adds: readonly Add[];
  /** The governed table itself: its key, and where its own columns stand. */
  readonly governed: { readonly keyOf: KeyOf; readonly own: readonly number[] } | undefined;
}

interface Add {
  readonly keyOf: KeyOf;
  /** Where the key's columns stand in an image. */
  readonly from: readonly number[];
  readonly difference: number;
  /** Undefined: not known. */
  readonly value: (image: Image) => Decimal | undefined;
  /** The row that it read last, and what that was added to. */
  last: Image;
  open: Open | undefined;
}

type KeyOf = (image: Image) => Key | undefined;

/** What the transaction under way adds to one key's differences. */
interface Open {
  readonly key: Key;
  readonly added: Decimal[];
  /** Something of it isn't known. */
  ask: boolean;
  told: Telling;
}

/** So many keys of one transaction, and so many governed rows, are remembered. */
const most = 10_000;

/**
 * Suspects of an invariant whose sums and counts are dear to ask for: a key is suspected where a transaction has added
 * something to one of its differences, or where that isn't known: that of an update without old images is not. A slot tells little of
 * old rows, so the governed ones are remembered from when they were told last. This is a filter and no more: whatever is suspected is
 * asked of the tables.
 */
export class Balances {
  readonly #balance: Balance;
  readonly #families: readonly number[];
  readonly #to: Suspects;
  readonly #open = new Map<string, Open>();
  /** Places of `own` in images of the governed rows, by key. */
  readonly #last = new Map<string, Image>();
  /** What was added to last: rows of one transaction come in heaps of one key. */
  #recent: Open | undefined;
  /** The rest of this transaction is asked: it has too many keys, or wasn't heard from its beginning. */
  #asking = true;

  /** @param families types of the key's columns, by oid */
  constructor(balance: Balance, families: readonly number[], to: Suspects) {
    this.#balance = balance;
    this.#families = families;
    this.#to = to;
  }

  reading({ relation, columns, extra }: Watched): Reading {
    const all = [...columns, ...extra];
    const keyOf = (names: readonly string[]): KeyOf =>
      compile(
        {
          relation,
          columns: names,
          key: names.map(name => `o.${quote(name)}`),
          nulls: [],
          families: this.#families,
        },
        all,
      );
    const terms = this.#balance.terms.filter(term => term.relation.oid === relation.oid);
    const own = terms.flatMap(({ amount }) => (amount.is === 'column' ? [all.indexOf(amount.column)] : []));
    return {
      adds: terms.map(term => ({
        keyOf: keyOf(term.key),
        from: term.key.map(name => all.indexOf(name)),
        difference: term.difference,
        value: valueOf(term, all),
        last: [],
        open: undefined,
      })),
      governed:
        relation.oid === this.#balance.table.oid ? { keyOf: keyOf(this.#balance.key), own } : undefined,
    };
  }

  row(reading: Reading, old: Image | undefined, now: Image | undefined, told: Telling): void {
    if (old === now) return;
    if (reading.governed) return this.#governed(reading, reading.governed, old, now, told);
    for (const add of reading.adds) {
      if (now) this.#add(add, now, plus, told);
      if (old) this.#add(add, old, minus, told);
      else if (told.cause.operation === 'update') this.#ask(add.keyOf(now as Image), told);
    }
  }

  /** The transaction is complete. */
  commit(): void {
    this.#asking = false;
    if (this.#open.size === 0) return;
    for (const { key, added, ask, told } of this.#open.values())
      if (ask || added.some(({ n }) => n !== 0n)) this.#touch(key, told);
    this.#open.clear();
    this.#recent = undefined;
  }

  /** It isn't heard to its end: what it has changed until now is asked. */
  interrupt(): void {
    for (const { key, told } of this.#open.values()) this.#touch(key, told);
    this.#open.clear();
    this.#recent = undefined;
    this.#asking = true;
  }

  /** Rows may have changed without being told. */
  forget(): void {
    this.#last.clear();
  }

  /** A row that comes, goes or moves makes or ends what is compared; one that stays adds what it changed by. */
  #governed(
    { adds }: Reading,
    { keyOf, own }: NonNullable<Reading['governed']>,
    old: Image | undefined,
    now: Image | undefined,
    told: Telling,
  ): void {
    const key = now && keyOf(now);
    const before = old && keyOf(old);
    const stays = key && before && same(key, before);
    if (!stays) {
      this.#ask(key, told);
      this.#ask(before, told);
    } else if (adds.length > 0) {
      const row = now;
      const was = this.#completed(old, own, this.#last.get(idOf(key)));
      for (const add of adds) {
        this.#add(add, row, plus, told);
        this.#add(add, was, minus, told);
      }
    }
    if (!key || own.length === 0) return;
    if (this.#last.size >= most) this.#last.clear();
    this.#last.set(
      idOf(key),
      own.map(i => now?.[i]),
    );
  }

  #completed(old: Image, own: readonly number[], last: Image | undefined): Image {
    if (!last || own.every(i => old[i] !== undefined)) return old;
    const full = [...old];
    for (const [n, i] of own.entries()) full[i] ??= last[n];
    return full;
  }

  #add(add: Add, image: Image, by: typeof plus, told: Telling): void {
    if (add.open === undefined || add.open !== this.#recent || !alike(add.last, image, add.from)) {
      const key = add.keyOf(image);
      add.open = key && this.#of(key, told);
      add.last = image;
    }
    const { open, difference } = add;
    if (!open) return;
    open.told = told;
    const amount = add.value(image);
    if (!amount) open.ask = true;
    else open.added[difference] = by(open.added[difference] as Decimal, amount);
  }

  #ask(key: Key | undefined, told: Telling): void {
    const open = key && this.#of(key, told);
    if (open) open.ask = true;
  }

  /** Undefined: it will be asked anyway. */
  #of(key: Key, told: Telling): Open | undefined {
    if (this.#recent && same(this.#recent.key, key)) {
      this.#recent.told = told;
      return this.#recent;
    }
    const id = idOf(key);
    const known = this.#open.get(id);
    if (known) {
      known.told = told;
      return (this.#recent = known);
    }
    if (!this.#asking && this.#open.size >= most) this.interrupt();
    if (this.#asking) {
      this.#touch(key, told);
      return undefined;
    }
    const open = {
      key,
      added: Array.from({ length: this.#balance.differences }, () => zero),
      ask: false,
      told,
    };
    this.#open.set(id, open);
    return (this.#recent = open);
  }

  #touch(key: Key, { cause, floor, clock }: Telling): void {
    this.#to.touch(key, cause, floor, clock);
  }
}

const zero: Decimal = { n: 0n, scale: 0 };

/** A loop: this is asked several times for each row. */
function same(a: Key, b: Key): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What a row adds, its sign included. */
function valueOf({ where, amount, minus: negative, own }: Term, columns: readonly string[]): Add['value'] {
  const tests = where.map(({ column, test }) => ({ at: columns.indexOf(column), test }));
  const evaluate = evaluator(amount, columns);
  return image => {
    if (tests.some(({ at, test }) => !mayHold(test, image[at]))) return zero;
    if (tests.some(({ at }) => image[at] === undefined)) return undefined;
    const value = evaluate(image);
    // A sum passes NULLs over; a column that is NULL equals nothing.
    if (value === null) return own ? undefined : zero;
    return value && negative ? minus(zero, value) : value;
  };
}

/** Null: NULL; undefined: not known, or no number. */
function evaluator(amount: Amount, columns: readonly string[]): (image: Image) => Decimal | null | undefined {
  switch (amount.is) {
    case 'number': {
      const value = read(amount.text);
      return () => value;
    }
    case 'column':
    case 'given': {
      const at = columns.indexOf(amount.column);
      const given = amount.is === 'given';
      return image => {
        const text = image[at];
        if (text === undefined || text === null) return text;
        return given ? one : read(text);
      };
    }
    default: {
      const [left, right] = [evaluator(amount.left, columns), evaluator(amount.right, columns)];
      const by = { '+': plus, '-': minus, '*': times }[amount.is];
      return image => {
        const [a, b] = [left(image), right(image)];
        if (a === undefined || b === undefined) return undefined;
        return a === null || b === null ? null : by(a, b);
      };
    }
  }
}
const one: Decimal = { n: 1n, scale: 0 };
