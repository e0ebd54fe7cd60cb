import { grants } from '../catalog/grants.ts';
import { migrate, printMigrations } from '../db/migrate.ts';
import { type Pool, type Tx, transaction } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import type { Bound } from '../ask/bind.ts';
import { loadInvariants } from '../load.ts';
import { capturePlan } from '../watch/capture/plan.ts';
import type { Watched } from '../watch/capture/capture.ts';
import { slotStatements } from '../watch/capture/slot/publication.ts';
import { type Step, triggerDdl } from '../watch/capture/trigger/ddl.ts';
import { readiness } from '../watch/capture/trigger/readiness.ts';
import { eachBound } from '../ask/each.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { applySteps } from './ddl.ts';
import { describeOne } from './fail.ts';
import { needsOf } from './needs.ts';

/** `evenkeel install` */
export async function run(call: Call): Promise<0 | 1> {
  const { given, config, out } = call;
  const print = given.print === true;
  return withPool(config, async pool => {
    const asked = print || given.role !== undefined || given.triggers === true;
    const planned = asked ? await plan(pool, call) : nothing;
    const ddl = printMigrations();
    if (print) {
      const triggers = planned.triggers.map(({ sql }) => sql);
      if (out.json) out.value({ applied: false, ddl, grants: planned.statements, triggers });
      else {
        const slot = await slotStatements(pool, given.role ?? 'evenkeel', planned.watched);
        for (const line of script(ddl, planned, slot, call)) out.line(line);
      }
      return planned.failed ? 1 : 0;
    }
    // Nothing half done: what can't be granted for isn't installed for either.
    if (planned.failed) return 1;
    const steps = await migrate(pool);
    await apply(pool, planned.statements);
    await applySteps(pool, planned.triggers);
    const triggers = planned.triggers.flatMap(({ table }) => table ?? []);
    if (out.json) out.value({ applied: true, steps, grants: planned.statements, triggers });
    else {
      out.line(steps > 0 ? 'the schema evenkeel is installed' : 'the schema evenkeel was installed already');
      for (const statement of planned.statements) out.line(statement);
      for (const table of triggers) out.line(`triggers on ${table}`);
    }
    return 0;
  });
}

interface Plan {
  /** The GRANTs for the role. */
  readonly statements: readonly string[];
  readonly triggers: readonly Step[];
  readonly watched: readonly Watched[];
  /** Some invariant couldn't be bound. */
  readonly failed: boolean;
}
const nothing: Plan = { statements: [], triggers: [], watched: [], failed: false };

/** Says which invariants it can't tell the needs of, and which tables triggers can't see. */
async function plan(pool: Pool, call: Call): Promise<Plan> {
  const { given, out } = call;
  const invariants = await declared(call);
  return transaction(
    pool,
    { readOnly: true, statement: 30_000, lock: 1_000, schemas: ['public'] },
    async tx => {
      const bounds: Bound[] = [];
      let failed = false;
      await eachBound(
        tx,
        invariants,
        () => undefined,
        async bound => void bounds.push(bound),
        (_, error) => {
          failed = true;
          out.note(describeOne(error));
        },
      );
      const granted = given.print === true || given.role !== undefined;
      const statements = granted ? await grants(tx, given.role ?? 'evenkeel', await needsOf(tx, bounds)) : [];
      const watched = capturePlan(bounds);
      return {
        statements,
        triggers: given.triggers ? await triggers(tx, watched, call) : [],
        watched,
        failed,
      };
    },
  );
}

async function triggers(tx: Tx, watched: readonly Watched[], { out }: Call): Promise<Step[]> {
  for (const { table, why, blind } of await readiness(tx, watched)) {
    if (blind) out.note(`${table.relation.quoted} gets no triggers: ${why}`);
  }
  return triggerDdl(tx, watched);
}

/** Without invariants there is nothing to grant on the user's tables yet. */
async function declared({ config, out }: Call): Promise<readonly Invariant[]> {
  try {
    return (await loadInvariants(config.invariants)).invariants;
  } catch (error) {
    if (!(error instanceof EvenkeelError) || error.code !== 'no-invariants') throw error;
    out.note(`${error.message}: the GRANTs are those without any`);
    return [];
  }
}

async function apply(pool: Pool, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  await transaction(pool, { statement: 30_000, lock: 1_000, schemas: ['public'] }, async tx => {
    for (const statement of statements) await tx.query(statement);
  });
}

function script(
  ddl: string,
  { statements, triggers }: Plan,
  slot: readonly string[],
  { given }: Call,
): string[] {
  const role = given.role ?? 'evenkeel';
  return [
    '-- The schema that Evenkeel keeps its ledger and journal in.',
    ddl,
    '',
    '-- What a role needs for these invariants, and no more; run it as the owner of the tables.',
    ...(given.role === undefined ? [`-- create role ${role} login password '…';`] : []),
    ...statements,
    '',
    '-- For capture by a replication slot, where the role does not own the tables:',
    ...slot.map(line => `-- ${line}`),
    ...(triggers.length === 0
      ? []
      : [
          '',
          '-- Triggers that tell which keys a statement changed: one transaction a table, under a short lock_timeout.',
        ]),
    ...triggers.map(({ sql }) => `begin;\nset local lock_timeout = '900ms';\n${sql}\ncommit;`),
  ];
}
