import { query } from '../../../db/migrate.ts';
import type { Tx } from '../../../db/pool.ts';
import type { Operation, Watched } from '../capture.ts';
import { type Told, events, toldOf, triggerFunction, triggerName } from './function.ts';

/** Whether every change of a table is told; `why` not, in one sentence without the table's name. */
export interface Readiness {
  readonly table: Watched;
  readonly why: string | undefined;
  /** Sums and counts could be kept from it, if its triggers told more. */
  readonly lean: boolean;
  /** No triggers could see all of its changes, and none are installed. */
  readonly blind: boolean;
}

/**
 * Which of the tables have complete triggers that capture the columns (more of them do no harm), on every partition.
 * Only complete ones can be captured: of others some changes aren't told.
 */
export async function readiness(tx: Tx, watched: readonly Watched[]): Promise<Readiness[]> {
  const { rows } = await tx.query<{ there: boolean }>(
    `select to_regclass('evenkeel.change') is not null and to_regclass('evenkeel.change_lost') is not null
        and to_regprocedure('evenkeel.change_missed(oid, text, text, text)') is not null as there`,
  );
  const found = await tx.query<Member>(query('readiness'), [watched.map(({ relation }) => relation.oid)]);
  return watched.map(table => {
    const members = found.rows.filter(({ relation }) => relation === table.relation.oid);
    if (members.length === 0) return { table, why: 'it is not there any more', lean: false, blind: true };
    const unseen = members.flatMap(member => unseeable(table, member) ?? [])[0];
    const why =
      unseen ??
      (rows[0]?.there ? undefined : 'the schema evenkeel is not complete') ??
      members.flatMap(member => incomplete({ ...table, every: false }, member) ?? [])[0];
    const lean = members.some(member => incomplete(toldOf(table), member) !== undefined);
    return { table, why, lean, blind: unseen !== undefined };
  });
}

interface Member {
  readonly relation: string;
  readonly member: string;
  readonly foreign: boolean;
  readonly inherits: boolean;
  readonly subscribed: boolean;
  readonly virtual: readonly string[];
  readonly triggers: readonly {
    readonly name: string;
    readonly enabled: string;
    readonly function: string;
    readonly body: string;
    /** As pg_trigger.tgargs has them, in hexadecimal. */
    readonly arguments: string;
    readonly lacks: string | null;
  }[];
}

/** Why triggers can't see all of it. */
function unseeable(
  { columns }: Watched,
  { member, foreign, inherits, subscribed, virtual }: Member,
): string | undefined {
  const computed = columns.filter(name => virtual.includes(name));
  if (computed.length > 0)
    return `${computed.join(', ')} is computed when it is read, which triggers do not see`;
  // Nor may there be any: Postgres raises where a statement with transition tables reaches a foreign table.
  if (foreign) return `${member} is a foreign table`;
  if (inherits)
    return `${member} inherits or is inherited from, and a statement fires the triggers of one table`;
  if (subscribed) return `rows of ${member} come by logical replication, which fires no statement triggers`;
  return undefined;
}

function incomplete(told: Told, { member, triggers }: Member): string | undefined {
  for (const event of events) {
    const trigger = triggers.find(({ name }) => name === triggerName(event));
    if (!trigger) return `${member} has no trigger ${triggerName(event)}`;
    if (trigger.enabled !== 'A') return `the trigger ${trigger.name} of ${member} is not enabled always`;
    const columns = argumentsOf(trigger.arguments);
    const lacking = told.columns.filter(name => !columns.includes(name));
    if (lacking.length > 0) return `the triggers of ${member} do not capture ${lacking.join(', ')}`;
    const every = told.every ? [true] : [true, false];
    if (!every.some(one => isOurs(trigger, { ...told, columns, every: one }, event)))
      return `the trigger ${trigger.name} of ${member} is not of this version`;
    if (trigger.lacks !== null) return `the role ${trigger.lacks}, as which triggers run, may not append`;
  }
  return undefined;
}

/** Each ends with a NUL. */
const argumentsOf = (hex: string) => Buffer.from(hex, 'hex').toString().split('\0').slice(0, -1);

const isOurs = (trigger: Member['triggers'][number], told: Told, event: Operation): boolean =>
  trigger.body === triggerFunction(told, event).body && trigger.function.startsWith(`capture_${event}_`);
