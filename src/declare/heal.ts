import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { Reader } from './names.ts';
import { limitOf } from './limit.ts';
import { claim, insert, park, remove, set, type LimitName, type Remedy } from './remedy.ts';

/** Words that people bring from SQL and elsewhere, and what says the same here. */
const instead: Record<string, string> = {
  update: 'set',
  upsert: 'set; insert',
  delete: 'remove',
  append: 'insert table(col, …)',
  none: 'no `heal` line at all: then a person decides',
};

/** `remedy[; remedy]`, as in a header: `set a, "B"; insert; remove`, `insert ledger(id, amount)`, `park the reason`. */
export function remedies(text: string): Remedy[] {
  const reader = new Reader(text);
  const heal: Remedy[] = [];
  do heal.push(remedy(reader));
  while (reader.take(';') && !reader.done);
  if (!reader.done) reader.fail(`expected ; or the end, found ${reader.next}`);
  return heal;
}

function remedy(reader: Reader): Remedy {
  const start = reader.at;
  const word = /^[\w-]*/.exec(reader.text.slice(start))![0];
  if (word === '') reader.fail(`expected a remedy, found ${reader.next}`);
  reader.take(word);
  const ends = reader.done || reader.text[reader.at] === ';';
  switch (word) {
    case 'set':
      if (ends) return set();
      return set(...setColumns(reader));
    case 'insert':
      return ends ? insert() : append(reader);
    case 'remove':
      return remove();
    case 'claim': {
      const limit = limited(reader);
      return limit ? Object.freeze({ do: 'claim', limit }) : claim();
    }
    case 'call':
      if (ends) reader.fail('call has to name its handler: call refresh');
      return called(label(reader));
    case 'park': {
      const reason = /^[^;]*/.exec(reader.text.slice(reader.at))![0];
      if (reason === '') throw new Fault('park needs a reason: it is what a person reads', { at: start });
      reader.take(reason);
      return park(reason);
    }
    default: {
      const better = Object.hasOwn(instead, word.toLowerCase()) ? instead[word.toLowerCase()] : undefined;
      const meant = better
        ? `; write ${better}`
        : didYouMean(word, ['set', 'insert', 'remove', 'park', 'claim', 'call']);
      throw new Fault(`unknown remedy '${word}'${meant}`, { at: start });
    }
  }
}

/** `limit name [rate]`, where that comes next. */
function limited(reader: Reader): LimitName | undefined {
  if (!/^limit\b/.test(reader.text.slice(reader.at))) return undefined;
  reader.take('limit');
  const name = label(reader);
  const rate = /^\d[^\s;]*/.exec(reader.text.slice(reader.at))?.[0];
  if (rate === undefined) return name;
  reader.take(rate);
  return limitOf(name, rate);
}

/** One word: a name. */
function label(reader: Reader): string {
  const word = /^[\w-]+/.exec(reader.text.slice(reader.at))?.[0];
  if (word === undefined) return reader.fail(`expected a name, found ${reader.next}`);
  reader.take(word);
  return word;
}

/** The handler is looked up once all files are read. */
const called = (handler: string): Remedy => Object.freeze({ do: 'call', handler, timeoutMs: 30_000 });

function setColumns(reader: Reader): string[] {
  const columns = reader.columns();
  if (reader.text[reader.at] !== '=') return columns;
  const hint = "Put the value in the SELECT: select …, 'failed' as status, with heal: set status.";
  return reader.fail('set only names columns of the result; values stand in the SELECT', hint);
}

function append(reader: Reader): Remedy {
  const start = reader.at;
  const table = reader.table();
  if (/^into$/i.test(table)) throw new Fault('write insert table(col, …), without into', { at: start });
  if (!reader.take('(')) reader.fail(`insert ${table} has to name its columns: insert ${table}(col, …)`);
  const [first, ...others] = reader.columns();
  if (!reader.take(')')) reader.fail(`expected , or ), found ${reader.next}`);
  return insert(table, first!, ...others);
}
