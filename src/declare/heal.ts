import { Fault } from './fault.ts';
import { didYouMean } from './guess.ts';
import { Reader } from './names.ts';
import { celeryTask } from './celery.ts';
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
    case 'celery':
      return handedOver(reader);
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
        : didYouMean(word, ['set', 'insert', 'remove', 'park', 'claim', 'call', 'celery']);
      throw new Fault(`unknown remedy '${word}'${meant}`, { at: start });
    }
  }
}

/** `limit name [rate]`, where that comes next. */
function limited(reader: Reader): LimitName | undefined {
  if (!follows(reader, 'limit')) return undefined;
  const name = label(reader);
  const rate = taken(reader, /^\d[^\s;]*/);
  return rate === undefined ? name : limitOf(name, rate);
}

/** `task(column, argument = column) [on queue] [limit name [rate]] [within 10m] [priority n]` */
function handedOver(reader: Reader): Remedy {
  const task = taken(reader, /^[\w.]+/);
  if (task === undefined) return reader.fail('celery has to name its task: celery billing.resync(id)');
  const args: string[] = [];
  const kwargs: [string, string][] = [];
  if (reader.take('(') && !reader.take(')')) {
    do {
      const { written, name } = reader.name('a column');
      if (reader.take('=')) kwargs.push([written, reader.name('a column').name]);
      else if (kwargs.length > 0) reader.fail('columns come before named arguments');
      else args.push(name);
    } while (reader.take(','));
    if (!reader.take(')')) reader.fail(`expected , or ), found ${reader.next}`);
  }
  const rest: { queue?: string; limit?: LimitName; withinMs?: string; priority?: number } = {};
  for (;;) {
    const limit = limited(reader);
    if (limit !== undefined) rest.limit = limit;
    else if (follows(reader, 'on')) rest.queue = piece(reader, 'a queue');
    else if (follows(reader, 'within')) rest.withinMs = piece(reader, 'a time');
    else if (follows(reader, 'priority')) rest.priority = Number(piece(reader, 'a number'));
    else break;
  }
  return celeryTask(task, { args, kwargs, ...rest });
}

function follows(reader: Reader, word: string): boolean {
  return new RegExp(`^${word}(?!\\w)`).test(reader.text.slice(reader.at)) && reader.take(word);
}

/** Up to the next space. */
const piece = (reader: Reader, kind: string): string =>
  taken(reader, /^[^\s;]+/) ?? reader.fail(`expected ${kind}, found ${reader.next}`);

/** One word: a name. */
const label = (reader: Reader): string =>
  taken(reader, /^[\w-]+/) ?? reader.fail(`expected a name, found ${reader.next}`);

/** What comes next, if it looks so. */
function taken(reader: Reader, pattern: RegExp): string | undefined {
  const text = pattern.exec(reader.text.slice(reader.at))?.[0];
  if (text !== undefined) reader.take(text);
  return text;
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
