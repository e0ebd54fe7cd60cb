import { EvenkeelError, type ErrorCode } from '../errors.ts';
import { attempt } from './fault.ts';
import { begins, readHeader, type Key } from './header.ts';
import { remedies } from './heal.ts';
import { defaults, leastEvery, newlines, sealed, type Invariant } from './invariant.ts';
import { columns, governed, tables } from './names.ts';
import { contradictions } from './rules.ts';
import { statement } from './scan.ts';
import { duration, form, guard, mode, name, sentence } from './values.ts';

/** What a `.sql` file turns out to be. */
export type Parsed =
  | { is: 'invariant'; invariant: Invariant }
  /** Its first line isn't `-- evenkeel: …`: somebody else's file. */
  | { is: 'passed over' }
  | { is: 'wrong'; errors: readonly EvenkeelError[] };

/**
 * Reads one `.sql` file.
 * @param file its path, as people should read it; the invariant is named like the file
 */
export function parse(source: string, file: string): Parsed {
  // A byte order mark and the line ends of Windows are no part of what is declared.
  const text = source.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n');
  // UTF-16, as some Windows shells write it, would look like somebody else's file.
  if (text.includes('\0') && /^\W*-- {1,4}evenkeel/.test(text.replaceAll('\0', ''))) {
    const place = { file, line: text.slice(0, text.indexOf('\0')).split('\n').length };
    return { is: 'wrong', errors: [new EvenkeelError('bad-sql', 'the file is not UTF-8 text', { place })] };
  }
  const lines = text.split('\n').map(line => line.trimEnd());
  const ours = begins(lines, file);
  if (ours === false) return { is: 'passed over' };
  if (ours !== true) return { is: 'wrong', errors: [ours] };

  const { entries, errors, length } = readHeader(lines, file);
  const wrong = (code: ErrorCode, message: string, line: number, hint?: string) => {
    const place = { file, line };
    errors.push(new EvenkeelError(code, message, hint === undefined ? { place } : { place, hint }));
  };
  /** The value of a key; undefined where it is wrong, which has been noted then. */
  function read<T>(key: Key, parseValue: (value: string) => T): T | undefined {
    const entry = entries.get(key);
    if (!entry) return undefined;
    const tried = attempt(() => parseValue(entry.value));
    if ('value' in tried) return tried.value;
    const { message, at, hint } = tried.fault;
    wrong(key === 'heal' ? 'bad-remedy' : 'bad-header-value', `${key}: ${message}`, entry.lineAt(at), hint);
    return undefined;
  }

  const named = attempt(() => name(fileName(file)));
  if ('fault' in named) wrong('bad-definition', named.fault.message, 1, named.fault.hint);
  const written = text.split('\n').slice(length).join('\n');
  const { sql, start } = statement(written);
  const sqlLine = length + 1 + newlines(written.slice(0, start));
  const says = read('says', sentence);
  const on = read('on', governed);
  const shape = read('evenkeel', form);
  const declared = {
    key: read('key', columns),
    heal: read('heal', remedies) ?? [],
    mode: read('mode', mode) ?? defaults.mode,
    guard: read('guard', guard),
    graceMs: read('grace', text => duration(text)) ?? defaults.graceMs,
    everyMs: read('every', text => duration(text, leastEvery)),
    touches: read('touches', tables) ?? [],
  };
  if (sql === '') wrong('bad-sql', 'there is no SELECT after the header', Math.max(1, length));
  // Where a line of the header couldn't be read, what is said together can't be judged.
  if (shape && !errors.some(({ code }) => code === 'bad-remedy' || code.endsWith('-header-key'))) {
    for (const { key, fault } of contradictions({ ...declared, form: shape })) {
      const line = entries.get(key)?.line ?? 1;
      wrong(key === 'heal' ? 'bad-remedy' : 'bad-header-value', `${key}: ${fault.message}`, line, fault.hint);
    }
  }
  if (errors.length > 0 || !says || !on || !shape) {
    return { is: 'wrong', errors: errors.sort((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0)) };
  }
  const invariant = sealed({
    ...declared,
    name: fileName(file),
    says,
    form: shape,
    sql,
    on,
    guard: declared.guard === undefined ? defaults.guard : declared.guard,
    place: { file, line: 1, sqlLine },
  });
  return { is: 'invariant', invariant };
}

const fileName = (file: string) => file.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '');
