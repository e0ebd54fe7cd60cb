import { possible } from '../check/prove.ts';
import { type Tx, ask, describe, quote } from '../db/pool.ts';
import type { Domains } from './domains.ts';
import { type Order, isNullable, orderOf } from './order.ts';
import type { Random } from './random.ts';
import { type ColumnId, type ForeignKey, type Table, columnId } from './tables.ts';
import type { Terms } from './terms.ts';

/** Column → text. */
export type Row = Readonly<Record<string, string | null>>;

export interface Filled {
  /** By oid. */
  readonly rows: Map<string, Row[]>;
  /** Oid → why there are no rows. */
  readonly empty: Map<string, string>;
}

/** So many rows in a table that leads nowhere, and in one that leads to others. */
const few = 5;
const more = 12;
/** Rows that break a constraint are drawn again, so often. */
const draws = 40;

/**
 * Fills the tables with small valid data: parents first, values by which rows meet, NULLs where they may be. What Postgres refuses
 * is drawn anew; it alone knows all the rules.
 */
export class Filler {
  readonly #tx: Tx;
  readonly #domains: Domains;
  readonly #terms: Pick<Terms, 'used' | 'tested'>;
  readonly #random: Random;
  readonly #order: Order;
  readonly filled: Filled = { rows: new Map(), empty: new Map() };

  constructor(
    tx: Tx,
    tables: readonly Table[],
    domains: Domains,
    terms: Pick<Terms, 'used' | 'tested'>,
    random: Random,
  ) {
    this.#tx = tx;
    this.#domains = domains;
    this.#terms = terms;
    this.#random = random;
    this.#order = orderOf(tables);
  }

  async fill(): Promise<Filled> {
    const { rows, empty } = this.filled;
    for (const [oid, why] of this.#order.impossible) empty.set(oid, why);
    for (const table of this.#order.tables) {
      for (const key of table.parents) {
        if (!this.#order.deferred.has(key)) continue;
        await this.#tx.query(`set constraints ${quote(table.relation.schema)}.${quote(key.name)} deferred`);
      }
    }
    for (const table of this.#order.tables) await this.#table(table);
    for (const table of this.#order.tables)
      for (const key of table.parents) if (this.#order.late.has(key)) await this.#late(table, key);
    await this.#settle();
    for (const table of this.#order.tables) {
      if (rows.get(table.relation.oid)?.length) await this.#moveSequences(table);
    }
    return this.filled;
  }

  async #table(table: Table): Promise<void> {
    const { oid } = table.relation;
    const made: Row[] = [];
    this.filled.rows.set(oid, made);
    const lacking = table.parents.find(
      key => !this.#isFree(table, key) && !this.filled.rows.get(key.parent)?.length,
    );
    if (lacking) {
      const why = this.filled.empty.get(lacking.parent) ?? 'it is empty';
      this.filled.empty.set(oid, `its parent has no rows: ${why}`);
      return;
    }
    const meets = [...table.kinds.keys()].filter(name => this.#terms.used.has(columnId(table, name))).length;
    const target = table.parents.length > 0 || meets > 2 ? more : few;
    let refused = 'no row could be drawn';
    let seed: Row | undefined;
    for (let i = 0; i < target + draws && made.length < target; i++) {
      if (i === draws / 2 && made.length === 0) seed = await this.#witness(table);
      const row = { ...this.draw(table, made), ...seed };
      const tried = await this.#insert(table, row);
      if (typeof tried === 'string') refused = tried;
      else made.push(tried);
    }
    if (made.length === 0) this.filled.empty.set(oid, refused);
  }

  /** NULL for now, or not looked at yet. */
  #isFree(table: Table, key: ForeignKey): boolean {
    return (
      this.#order.late.has(key) ||
      this.#order.deferred.has(key) ||
      key.parent === table.relation.oid ||
      key.columns.some(name => isNullable(table, name))
    );
  }

  /** A row as it might be; nothing is asked. @param others rows of its table, whose unique values it leaves alone */
  draw(table: Table, others: readonly Row[]): Row {
    const row: Record<string, string | null> = {};
    for (const { name, generated, notNull } of table.relation.columns) {
      if (generated) continue;
      const id = columnId(table, name);
      const used = this.#terms.used.has(id) || this.#isKey(table, name);
      if (!used && (table.withDefault.has(name) || !notNull)) continue;
      if (!notNull && this.#random.next() < (this.#terms.tested.has(id) ? 0.6 : 0.2)) row[name] = null;
      else if (this.#isUnique(table, name)) row[name] = this.#unused(id, name, others);
      else row[name] = this.#value(id);
    }
    for (const key of table.parents) this.#point(table, key, row, others);
    return row;
  }

  /** At most of four values, so that rows meet and some values are nobody's. */
  #value(id: ColumnId): string | null {
    const values = this.#domains.values(id);
    const some = this.#random.next() < 0.75 ? values.slice(0, 4) : values;
    return this.#random.pick(some) ?? null;
  }

  #unused(id: ColumnId, name: string, others: readonly Row[]): string | null {
    const taken = new Set(others.map(row => row[name]));
    for (let n = 0; n < others.length + 50; n++) {
      const value = this.#domains.nth(id, n);
      if (value === undefined) break;
      if (!taken.has(value)) return value;
    }
    return this.#value(id);
  }

  /** To a row of the parent's, but for its last one: that has no children. */
  #point(table: Table, key: ForeignKey, row: Record<string, string | null>, others: readonly Row[]): void {
    const { columns, parent, parentColumns } = key;
    if (this.#order.deferred.has(key)) return;
    const set = (values: (i: number) => string | null) =>
      columns.forEach((name, i) => {
        row[name] = values(i);
      });
    const free = columns.filter(name => isNullable(table, name));
    const leave = () =>
      free.forEach(name => {
        row[name] = null;
      });
    if (this.#order.late.has(key)) return leave();
    const own = parent === table.relation.oid;
    const parents = own ? others : (this.filled.rows.get(parent) ?? []);
    const fixed = columns
      .map((name, i) => [name, parentColumns[i] ?? ''] as const)
      .filter(([name]) => this.#isPointed(table, key, name));
    const fitting = parents.filter(one => fixed.every(([name, theirs]) => row[name] === one[theirs]));
    const some = fitting.length > 2 ? fitting.slice(0, -1) : fitting;
    const chosen = free.length > 0 && this.#random.next() < 0.2 ? undefined : this.#random.pick(some);
    if (chosen) set(i => chosen[parentColumns[i] ?? ''] ?? null);
    else if (free.length > 0) leave();
    else if (own) set(i => row[parentColumns[i] ?? ''] ?? null);
  }

  /** An earlier foreign key has set this column already. */
  #isPointed(table: Table, key: ForeignKey, name: string): boolean {
    const before = table.parents.slice(0, table.parents.indexOf(key));
    return before.some(one => one.columns.includes(name));
  }

  #isKey({ relation }: Table, name: string): boolean {
    return relation.indexes.some(({ isUnique, columns }) => isUnique && columns.includes(name));
  }

  #isUnique({ relation }: Table, name: string): boolean {
    return relation.indexes.some(
      ({ isUnique, columns, partial }) => isUnique && !partial && columns.length === 1 && columns[0] === name,
    );
  }

  /** The row as it was stored, or why it wasn't. */
  async #insert(table: Table, row: Row): Promise<Row | string> {
    const { text, values } = insertOf(table, row);
    const names = table.relation.columns.map(({ name }) => name);
    await this.#tx.query('savepoint draw');
    try {
      const rows = await ask(
        this.#tx,
        `${text} returning ${names.map(name => `${quote(name)}::text`).join(', ')}`,
        values,
      );
      await this.#tx.query('release savepoint draw');
      const [stored] = rows;
      if (!stored) return 'a trigger or a rule keeps its rows away';
      return Object.fromEntries(names.map((name, i) => [name, stored[i] ?? null]));
    } catch (error) {
      await this.#tx.query('rollback to savepoint draw');
      return describe(error);
    }
  }

  /** Values that pass all checks at once, where drawing finds none. */
  async #witness({ checks }: Table): Promise<Row | undefined> {
    const verdict = await possible(this.#tx, {
      table: checks,
      alias: 't',
      parts: checks.checks.map(({ text }) => text),
    });
    return verdict.is === 'witness' ? verdict.row : undefined;
  }

  /** Two of three rows are led to a parent after all. */
  async #late(table: Table, { columns, parent, parentColumns }: ForeignKey): Promise<void> {
    const parents = this.filled.rows.get(parent) ?? [];
    for (const [i, row] of (this.filled.rows.get(table.relation.oid) ?? []).entries()) {
      const chosen = i % 3 === 2 ? undefined : this.#random.pick(parents);
      if (!chosen) continue;
      const key = table.relation.indexes.find(({ primary }) => primary)?.columns;
      if (!key) return;
      const types = new Map(table.relation.columns.map(({ name, type }) => [name, type]));
      const given = [
        ...columns.map((_, n) => chosen[parentColumns[n] ?? ''] ?? null),
        ...key.map(name => row[name] ?? null),
      ];
      const term = (name: string, n: number) => `${quote(name)} = $${n + 1}::text::${types.get(name)}`;
      await this.#tx.query('savepoint draw');
      try {
        await this.#tx.query(
          `update ${table.relation.quoted} set ${columns.map(term).join(', ')} where ${key.map((name, n) => term(name, columns.length + n)).join(' and ')}`,
          given,
        );
        await this.#tx.query('release savepoint draw');
      } catch {
        await this.#tx.query('rollback to savepoint draw');
      }
    }
  }

  /** What was put off until now has to hold; tables whose rows don't are emptied again. */
  async #settle(): Promise<void> {
    for (;;) {
      await this.#tx.query('savepoint settle');
      try {
        await this.#tx.query('set constraints all immediate');
        await this.#tx.query('release savepoint settle');
        return;
      } catch (error) {
        await this.#tx.query('rollback to savepoint settle');
        const { constraint } = error as { constraint?: string };
        const table = this.#order.tables.find(
          one =>
            this.filled.rows.get(one.relation.oid)?.length &&
            one.parents.some(({ name }) => name === constraint),
        );
        if (!table) throw error;
        await this.#tx.query(`truncate ${table.relation.quoted} cascade`);
        this.filled.rows.set(table.relation.oid, []);
        this.filled.empty.set(table.relation.oid, describe(error));
      }
    }
  }

  /** What draws its keys from a sequence must not meet those that were given here. */
  async #moveSequences({ relation, kinds, withDefault }: Table): Promise<void> {
    for (const { name } of relation.columns) {
      if (!withDefault.has(name) || !/^int[248]$/.test(kinds.get(name)?.name ?? '')) continue;
      await this.#tx.query(
        `select setval(s::regclass, greatest(nextval(s::regclass), (select coalesce(max(${quote(name)}), 0) + 100 from ${relation.quoted})))
           from (select pg_get_serial_sequence($1, $2) as s) x where s is not null`,
        [relation.quoted, name],
      );
    }
  }
}

/** The statement that adds such a row. */
export function insertOf({ relation }: Table, row: Row): { text: string; values: (string | null)[] } {
  const columns = relation.columns.filter(({ name }) => row[name] !== undefined);
  if (columns.length === 0) return { text: `insert into ${relation.quoted} default values`, values: [] };
  const names = columns.map(({ name }) => quote(name)).join(', ');
  const values = columns.map(({ type }, i) => `$${i + 1}::text::${type}`).join(', ');
  return {
    text: `insert into ${relation.quoted} (${names}) overriding system value values (${values})`,
    values: columns.map(({ name }) => row[name] ?? null),
  };
}
