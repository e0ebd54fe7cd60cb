import type { Tx } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import type { Finding } from './finding.ts';
import { readQuery } from './level.ts';
import { queryRules, rules } from './rules/index.ts';
import { sitesOf } from './site.ts';
import { readingOnce } from './table.ts';
import type { Piece } from './text.ts';

/** A finding where it stands in its file. */
export interface Placed extends Omit<Finding, 'piece' | 'change'> {
  readonly line: number | null;
  readonly column: number | null;
  readonly fragment: string;
  /** The line of the SQL on which it begins; `at`: how many characters stand before it. */
  readonly source: string;
  readonly at: number;
  /** That line as it could be; null where that isn't certain. */
  readonly mended: string | null;
  /** The reason that is given in the SQL for passing it over; null: there is none. */
  readonly ignored: string | null;
  readonly page: string;
  /** Other invariants that it is about. */
  readonly with?: readonly { readonly name: string; readonly file: string }[];
}

export interface Checked {
  readonly findings: readonly Placed[];
  /** Why a WHERE was not asked about. */
  readonly unread: readonly string[];
  /** Constraints that were not relied on: they are not validated, or not enforced. */
  readonly unused: readonly string[];
}

/** Asks every rule of one invariant; only reads. */
export const check = (tx: Tx, invariant: Invariant): Promise<Checked> =>
  readingOnce(tx, () => checked(tx, invariant));

async function checked(tx: Tx, invariant: Invariant): Promise<Checked> {
  const { sites, unread } = await sitesOf(tx, invariant.sql);
  const findings: Finding[] = [];
  const query = await readQuery(tx, invariant);
  for (const rule of queryRules) findings.push(...(await rule.find(tx, query)));
  for (const site of sites) for (const rule of rules) findings.push(...(await rule.find(tx, site)));
  const ignored = ignores(invariant.sql);
  return {
    findings: findings
      .filter(one => !told(one, findings))
      .map(one => ({ ...place(invariant, one), ignored: ignored.get(one.rule) ?? null })),
    unread: [...unread, ...mute(invariant.sql)],
    unused: [...new Set(query.levels.flatMap(({ items }) => items.flatMap(({ table }) => table.unused)))],
  };
}

/** A finding where it stands in the file. */
export const place = (
  invariant: Invariant,
  { piece, change, ...finding }: Finding,
): Omit<Placed, 'ignored'> => ({
  ...finding,
  ...lineOf(invariant.sql, piece, change),
  ...placeOf(invariant, piece.start),
  fragment: piece.text,
  page: `docs/rules/${finding.rule}.md`,
});

/** A dead condition whose cause is a literal in it, or is known to be forbidden, has been told, with the cause. */
function told({ rule, severity, piece }: Finding, all: readonly Finding[]): boolean {
  if (rule !== 'EK101' || severity !== 'warning') return false;
  return all.some(
    one =>
      ((one.rule === 'EK103' && one.severity === 'error') || one.rule === 'EK105') &&
      bare(one.piece.text) === bare(piece.text) &&
      Math.abs(one.piece.start - piece.start) <= piece.text.length,
  );
}
const bare = (text: string): string => text.replace(/^[\s(]+|[\s)]+$/g, '');

function lineOf(sql: string, piece: Piece, change: string | null) {
  const from = sql.lastIndexOf('\n', piece.start - 1) + 1;
  const end = sql.indexOf('\n', piece.start);
  const source = sql.slice(from, end < 0 ? undefined : end);
  const at = piece.start - from;
  const whole = source.slice(at).startsWith(piece.text);
  const mended =
    change === null || !whole ? null : source.slice(0, at) + change + source.slice(at + piece.text.length);
  return { source, at, mended };
}

/** Rule → the reason given for passing it over. */
export function ignores(sql: string): Map<string, string> {
  const found = [...sql.matchAll(/^\s*--\s*evenkeel:\s*ignore\s+(EK\d{3})\s+(\S.*)$/gm)];
  return new Map(found.map(([, rule = '', reason = '']) => [rule, reason.trim()]));
}

/** Without a reason nothing is silenced. */
const mute = (sql: string): string[] =>
  [...sql.matchAll(/^\s*--\s*evenkeel:\s*ignore\b(?!\s+EK\d{3}\s+\S)(.*)$/gm)].map(
    ([line]) => `'${line.trim()}' silences nothing: it takes a rule and a reason`,
  );

/** In a program the line is that of invariant(): where its template begins isn't known. */
function placeOf({ sql, place }: Invariant, start: number): { line: number | null; column: number | null } {
  if (place.sqlLine === undefined) return { line: place.line ?? null, column: null };
  const before = sql.slice(0, start).split('\n');
  return { line: place.sqlLine + before.length - 1, column: (before.at(-1)?.length ?? 0) + 1 };
}
