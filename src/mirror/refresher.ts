import { randomUUID } from 'node:crypto';
import { asking, type Ended } from '../call/handle.ts';
import { Errand, Failed } from '../call/errand.ts';
import { type Column, type Relation, columnOf } from '../catalog/relation.ts';
import type { Key } from '../ask/ask.ts';
import { type Bound, searchPath } from '../ask/bind.ts';
import { governed, keyColumns as keyOf } from '../ask/named.ts';
import { type Pool, ask, describe, quote, sqlState, transaction } from '../db/pool.ts';
import type { Source } from '../declare/from.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import type { Limits } from '../limits/limits.ts';
import type { Log } from '../log.ts';
import type { Bindings } from '../roster/bindings.ts';
import { Service } from '../service.ts';
import { type Mirror, dropRows, dropUnseen, makeMirror, mirrorOf, putRows, showMirror } from './mirror.ts';
import { absent, pageOf, requireAsked, rowKey, textRows } from './rows.ts';

export interface RefresherParts {
  readonly pool: Pool;
  readonly bindings: Bindings;
  readonly invariants: readonly Invariant[];
  readonly limits: Limits;
  readonly log: Log;
  /** Does this process lead? */
  readonly leads: () => boolean;
  /** These are asked again. */
  readonly find: (bound: Bound, keys: readonly Key[]) => Promise<void>;
}

/** Between two readings of all; ms. */
const pauseMs = 15 * 60_000;
/** After a failure; ms. */
const againMs = 10_000;

interface State {
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly cursor: string | null;
  readonly began: string | null;
  readonly read: boolean;
  readonly due: boolean;
}

type Known = Invariant & { readonly source: Source };

/**
 * Reads other systems, page by page under their limits, into their mirrors, and has what changed asked again. Of several processes
 * the one that leads does.
 */
export class Refresher {
  readonly #parts: RefresherParts;
  readonly #known: readonly Known[];
  readonly #service: Service;
  readonly #trouble = new Map<string, string>();

  constructor(parts: RefresherParts) {
    this.#parts = parts;
    this.#known = parts.invariants.filter((one): one is Known => one.source !== undefined);
    this.#service = new Service('mirror', 1_000, parts.log, async () => {
      if (!parts.leads()) return undefined;
      let more = false;
      for (const one of this.#known) more = (await this.#page(one)) || more;
      return more ? 0 : undefined;
    });
  }

  start(): void {
    if (this.#known.length > 0) this.#service.start();
  }

  async stop(): Promise<void> {
    await this.#service.stop();
  }

  /** Reads everything once; whether there was anything. What can't be read is said, and left for later. */
  async pass(): Promise<boolean> {
    for (const one of this.#known) {
      await this.#parts.pool.query(
        'update evenkeel.mirror set next_at = clock_timestamp() where invariant = $1',
        [one.name],
      );
      while (await this.#page(one));
    }
    return this.#known.length > 0;
  }

  /** One page of one; whether there is more right now. */
  async #page(invariant: Known): Promise<boolean> {
    const { pool } = this.#parts;
    const state = await this.#state(invariant);
    if (state && !state.due) return false;
    try {
      const { table, key, schemas } = await this.#governed(invariant);
      return invariant.source.list
        ? await this.#list(invariant, table, key, state)
        : await this.#get(invariant, table, key, state, schemas);
    } catch (error) {
      const wrong = error instanceof Failed;
      if (!wrong && !(error instanceof EvenkeelError) && sqlState(error) !== '42501') throw error;
      await this.#failed(invariant, describe(error), againMs);
      // What it says is wrong: from the start, then.
      const restart = 'update evenkeel.mirror set cursor = null, began_at = null where invariant = $1';
      if (wrong) await pool.query(restart, [invariant.name]);
      return false;
    }
  }

  async #list(
    invariant: Known,
    table: Relation,
    key: readonly Column[],
    before: State | undefined,
  ): Promise<boolean> {
    const { list } = invariant.source;
    const ended = await this.#ask(invariant, async errand =>
      pageOf(await list?.(before?.cursor ?? undefined, errand)),
    );
    if (ended.did !== 'answered') return this.#gaveUp(invariant, ended);
    const { rows, next } = ended.answer;
    if (typeof next === 'string' && next === before?.cursor)
      throw new Failed('list returned the cursor that it was given: it would never end', true);
    const mirror = await this.#mirror(invariant, table, key, before, rows);
    if (!mirror) throw new Failed('it listed nothing yet');
    const texts = textRows(rows, names(key), names(mirror.columns));
    await this.#take(invariant, mirror, texts, before, next ?? null, []);
    return true;
  }

  /** Without `list`: what is here is asked about, in the order of keys. */
  async #get(
    invariant: Known,
    table: Relation,
    key: readonly Column[],
    before: State | undefined,
    schemas: readonly string[],
  ): Promise<boolean> {
    const { batch, get } = invariant.source;
    const keys = await this.#governedKeys(invariant, table, key, before?.cursor ?? null, batch, schemas);
    if (keys.length === 0) {
      if (!before || before.columns.length === 0) return false;
      const mirror = mirrorOf(invariant.name, table, key, before.columns);
      await this.#take(invariant, mirror, [], before, null, []);
      return true;
    }
    const asked = keys.map(one => rowKey(key, one));
    const ended = await this.#ask(invariant, async errand => get(asked, errand));
    if (ended.did !== 'answered') return this.#gaveUp(invariant, ended);
    const mirror = await this.#mirror(invariant, table, key, before, ended.answer);
    if (!mirror) throw new Failed('it knows none of the first rows, so that its columns are not known');
    const texts = textRows(ended.answer, names(key), names(mirror.columns));
    requireAsked(texts, keys);
    await this.#take(invariant, mirror, texts, before, JSON.stringify(keys.at(-1)), keys);
    return true;
  }

  /** Stores a page, and has its keys asked again. `next` null: it was the last. */
  async #take(
    invariant: Known,
    mirror: Mirror,
    rows: Parameters<typeof putRows>[2],
    before: State | undefined,
    next: string | null,
    asked: readonly Key[],
  ): Promise<void> {
    const { pool, bindings, find, log } = this.#parts;
    const missing = absent(asked, rows);
    const changed = await transaction(pool, { statement: 10_000, schemas: ['public'] }, async tx => {
      const [first] = await ask(
        tx,
        `update evenkeel.mirror set began_at = coalesce(began_at, clock_timestamp()), cursor = $2, failed_at = null, failed_why = null
          where invariant = $1 and cursor is not distinct from $3 returning began_at`,
        [invariant.name, next, before?.cursor ?? null],
      );
      // Another process leads by now, and has read on.
      if (!first) return [];
      const [began = null] = first;
      const fresh = await putRows(tx, mirror, rows);
      await dropRows(tx, mirror, missing);
      if (next !== null) return fresh;
      const unseen = invariant.source.list && began !== null ? await dropUnseen(tx, mirror, began) : [];
      await showMirror(tx, mirror);
      await tx.query(
        `update evenkeel.mirror set read_at = began_at, began_at = null,
                next_at = clock_timestamp() + make_interval(secs => $2) where invariant = $1`,
        [invariant.name, (invariant.everyMs ?? pauseMs) / 1_000],
      );
      return [...fresh, ...unseen];
    });
    if (this.#trouble.delete(invariant.name)) log.info(`${invariant.name}: it is read again`);
    let bound = bindings.all.find(({ name }) => name === invariant.name);
    if (!bound && next === null) {
      await bindings.refresh(new Set([invariant.name]));
      bound = bindings.all.find(({ name }) => name === invariant.name);
    }
    const keys = [...changed, ...missing];
    if (bound && keys.length > 0 && bindings.own.includes(bound)) await find(bound, keys);
  }

  async #ask<T>({ source }: Known, work: (errand: Errand) => Promise<T>): Promise<Ended<T>> {
    const budget = this.#parts.limits.budget(source.limit);
    const errand = new Errand(budget, source.limit.headers, randomUUID(), source.timeoutMs);
    return asking(errand, () => work(errand));
  }

  async #gaveUp(invariant: Known, ended: Exclude<Ended<unknown>, { did: 'answered' }>): Promise<false> {
    await this.#failed(invariant, ended.why, ended.did === 'refused' ? ended.ms : againMs);
    return false;
  }

  async #failed({ name, source }: Known, why: string, ms: number): Promise<void> {
    const { pool, log } = this.#parts;
    if (this.#trouble.get(name) !== why) log.warn(`${name}: ${why}`);
    this.#trouble.set(name, why);
    await pool.query(
      `insert into evenkeel.mirror as m (invariant, key, columns, lists, failed_at, failed_why, next_at)
       values ($1, '{}', '{}', $4, clock_timestamp(), $2, clock_timestamp() + make_interval(secs => $3))
       on conflict (invariant) do update set failed_at = excluded.failed_at, failed_why = excluded.failed_why, next_at = excluded.next_at`,
      [name, why.slice(0, 1_000), ms / 1_000, source.list !== undefined],
    );
  }

  async #state({ name }: Invariant): Promise<State | undefined> {
    const { rows } = await this.#parts.pool.query<State>(
      `select key, columns, cursor, began_at::text as began, read_at is not null as read, next_at <= clock_timestamp() as due
         from evenkeel.mirror where invariant = $1`,
      [name],
    );
    return rows[0];
  }

  /** Its mirror, made when the first row is known: from then on it has the columns that row had. */
  async #mirror(
    { name, heal, source }: Known,
    table: Relation,
    key: readonly Column[],
    before: State | undefined,
    rows: unknown,
  ): Promise<Mirror | undefined> {
    const set = heal.find(one => one.do === 'set');
    const wanted = set && set.columns !== 'all' ? set.columns : undefined;
    if (
      before &&
      before.columns.length > 0 &&
      same(before.key, names(key)) &&
      same(before.columns, wanted ?? before.columns)
    )
      return mirrorOf(name, table, key, before.columns);
    const [first] = Array.isArray(rows) ? (rows as unknown[]) : [];
    if (typeof first !== 'object' || first === null) return undefined;
    const named = wanted ?? Object.keys(first);
    const columns = named.filter(one => columnOf(table, one) && !key.some(part => part.name === one));
    if (columns.length === 0)
      throw new Failed(`its rows have no column of ${table.quoted} besides the key`, true);
    const mirror = mirrorOf(name, table, key, columns);
    await makeMirror(this.#parts.pool, mirror, source.list !== undefined);
    // From the start, whatever was read into another one.
    if (before?.cursor != null) throw new Failed('its columns changed: it is read from the start');
    return mirror;
  }

  #governed(invariant: Invariant): Promise<{ table: Relation; key: readonly Column[]; schemas: string[] }> {
    return transaction(this.#parts.pool, { statement: 10_000, schemas: ['public'] }, async tx => {
      await tx.query('set local search_path to default');
      const schemas = await searchPath(tx);
      await tx.query(`set local search_path to ${[...schemas, 'pg_temp'].map(quote).join(', ')}`);
      const table = await governed(tx, invariant);
      return { table, key: keyOf(invariant, table), schemas };
    });
  }

  #governedKeys(
    { on }: Invariant,
    table: Relation,
    key: readonly Column[],
    cursor: string | null,
    limit: number,
    schemas: readonly string[],
  ): Promise<Key[]> {
    const list = key.map(({ name }) => `t.${quote(name)}`);
    const after = cursor === null ? [] : (JSON.parse(cursor) as Key);
    const condition = on.where ? ` and (select (${on.where}\n) from (select t.*) ${quote(table.name)})` : '';
    const beyond =
      cursor === null
        ? ''
        : ` and (${list.join(', ')}) > (${key.map(({ type }, i) => `$${i + 1}::text::${type}`).join(', ')})`;
    return transaction(this.#parts.pool, { statement: 10_000, readOnly: true, schemas }, tx =>
      ask(
        tx,
        `select ${list.map(one => `${one}::text`).join(', ')} from ${table.quoted} t where true${beyond}${condition}
          order by ${list.join(', ')} limit ${limit}`,
        [...after],
      ),
    );
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every(name => b.includes(name));
const names = (columns: readonly Column[]): string[] => columns.map(({ name }) => name);
