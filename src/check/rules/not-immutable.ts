import { type Tx, ask } from '../../db/pool.ts';
import { names } from '../../watch/scope/ast.ts';
import type { Node } from '../../watch/scope/parse.ts';
import { literal } from '../expression.ts';
import { type Finding, finding } from '../finding.ts';
import { type Level, type Query, nodesAt, shown, typesOf } from '../level.ts';
import { isOperation, mutable, readsClock } from '../mutable.ts';
import { pieceOf } from '../text.ts';
import type { QueryRule } from './rule.ts';

/** timestamptz and timetz: what they look like depends on the TimeZone of who asks. */
const zoned = [1184, 1266];
const settings = [
  'current_setting',
  'current_user',
  'session_user',
  'user',
  'current_role',
  'current_schema',
  'current_schemas',
  'current_database',
  'inet_client_addr',
  'pg_backend_pid',
  'current_query',
  'pg_has_role',
  'has_table_privilege',
];

/** The same rows give another answer: at random, or to another session. That time goes by is no fault. */
export const notImmutable: QueryRule = {
  id: 'EK301',
  name: 'not-immutable',
  async find(tx, query) {
    const findings: Finding[] = [];
    for (const level of query.levels) {
      for (const node of nodesAt(level.select)) {
        if (!isOperation(node) || literal(node) !== undefined) continue;
        const why = await changes(tx, query, level, node);
        if (why) findings.push(finding(this, 'warning', shown(query, node), why.message, { fix: why.fix }));
      }
    }
    if (query.invariant.form !== 'should') return findings;
    const tops = query.levels.filter(({ outer, as, select }) => !outer && !as && !select.larg);
    for (const level of tops) {
      for (const target of level.select.targetList ?? []) {
        const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
        if (!value || !flows(value)) continue;
        const text = pieceOf(query.invariant.sql, query.words, value)?.text;
        const types = text === undefined ? undefined : await typesOf(tx, query, level, [text]);
        // Of a date it is the day: it changes once a day, as meant.
        if (types?.[0] === 1082) continue;
        const message =
          'what should be is the time of asking: each question gives another answer, and no heal holds';
        findings.push(
          finding(this, 'warning', shown(query, value), message, {
            fix: 'leave the column out, or compute it from columns',
          }),
        );
      }
    }
    return findings;
  },
};

async function changes(
  tx: Tx,
  query: Query,
  level: Level,
  node: Node,
): Promise<{ message: string; fix: string | null } | undefined> {
  if (readsClock(node)) return undefined;
  const called = 'FuncCall' in node ? names(node.FuncCall.funcname) : [];
  const name = called.at(-1) ?? '';
  if ('FuncCall' in node && (node.FuncCall.over || node.FuncCall.agg_star || node.FuncCall.agg_filter))
    return undefined;
  if ('SQLValueFunction' in node || settings.includes(name))
    return {
      message: 'it depends on the session: Evenkeel may see another answer than the application',
      fix: 'take it from a column',
    };
  const found = await mutable(tx, query, level, node);
  if (found === undefined) return undefined;
  if ('FuncCall' in node) {
    const kind = await kindOf(tx, called);
    if (kind === 'volatile')
      return {
        message: `${name}() gives another answer each time: what is wrong now may not be so a moment later`,
        fix: 'take it from a column',
      };
    if (kind === 'stable' && found !== 'unknown')
      return {
        message: `${name}() is STABLE: what it reads besides its arguments is not followed, and may change by itself`,
        fix: 'read the tables in the query itself; or say IMMUTABLE where it is',
      };
  }
  // timestamptz ± interval depends on the zone by an hour twice a year: nobody means that.
  const sum =
    'A_Expr' in node &&
    ['+', '-'].includes(names(node.A_Expr.name).join()) &&
    found !== 'unknown' &&
    found.types.at(-1) === 1184;
  if (found === 'unknown' || sum || !found.types.some(type => zoned.includes(type))) return undefined;
  return {
    message:
      'it depends on the TimeZone of the session: Evenkeel may see another day or hour than the application',
    fix: "name the zone: `at time zone 'UTC'`",
  };
}

/** Of a function that is not Postgres's own, or of one that is volatile. */
async function kindOf(tx: Tx, called: readonly string[]): Promise<'volatile' | 'stable' | undefined> {
  const rows = await ask(
    tx,
    `select bool_or(p.provolatile = 'v'), bool_or(p.provolatile = 's' and n.nspname <> 'pg_catalog')
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.proname = $1 and p.prokind = 'f' and ($2::text is null or n.nspname = $2)`,
    [called.at(-1), called.length > 1 ? called.at(-2) : null],
  );
  const [volatile, stable] = rows[0] ?? [];
  return volatile === 't' ? 'volatile' : stable === 't' ? 'stable' : undefined;
}

/** The time of asking goes into the value itself, not only into a comparison or a unit of the calendar. */
function flows(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(flows);
  if (node === null || typeof node !== 'object') return false;
  if ('A_Expr' in node) {
    const { kind, name } = (node as Extract<Node, { A_Expr: unknown }>).A_Expr;
    if (kind !== 'AEXPR_OP' || ['=', '<>', '<', '<=', '>', '>='].includes(names(name).join())) return false;
  }
  if ('SubLink' in node || 'BoolExpr' in node || 'NullTest' in node) return false;
  if ('CaseWhen' in node) return flows((node as Extract<Node, { CaseWhen: unknown }>).CaseWhen.result);
  if ('FuncCall' in node) {
    const { funcname, args } = (node as Extract<Node, { FuncCall: unknown }>).FuncCall;
    if (readsClock(node as Node)) return true;
    const name = names(funcname).at(-1) ?? '';
    return (
      !['date_trunc', 'count'].includes(name) &&
      !(/^(extract|date_part)$/.test(name) && literal(args?.[0]) !== 'epoch') &&
      flows(args)
    );
  }
  if (readsClock(node as Node)) return true;
  return Object.values(node).some(flows);
}
