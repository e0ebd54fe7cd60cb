import { grants } from '../catalog/grants.ts';
import { migrate, printMigrations } from '../db/migrate.ts';
import { type Pool, transaction } from '../db/pool.ts';
import type { Invariant } from '../declare/invariant.ts';
import { EvenkeelError } from '../errors.ts';
import type { Bound } from '../ask/bind.ts';
import { loadInvariants } from '../load.ts';
import { eachBound } from './bound.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { describeOne } from './fail.ts';
import { needsOf } from './needs.ts';

/** `evenkeel install` */
export async function run(call: Call): Promise<0 | 1> {
  const { given, config, out } = call;
  const print = given.print === true;
  return withPool(config, async pool => {
    const planned =
      print || given.role !== undefined ? await plan(pool, call) : { statements: [], failed: false };
    const ddl = printMigrations();
    if (print) {
      if (out.json) out.value({ applied: false, ddl, grants: planned.statements });
      else for (const line of script(ddl, planned.statements, call)) out.line(line);
      return planned.failed ? 1 : 0;
    }
    // Nothing half done: what can't be granted for isn't installed for either.
    if (planned.failed) return 1;
    const steps = await migrate(pool);
    await apply(pool, planned.statements);
    if (out.json) out.value({ applied: true, steps, grants: planned.statements });
    else {
      out.line(steps > 0 ? 'the schema evenkeel is installed' : 'the schema evenkeel was installed already');
      for (const statement of planned.statements) out.line(statement);
    }
    return 0;
  });
}

/** The GRANTs for the role. Says which invariants it can't tell the needs of. */
async function plan(pool: Pool, call: Call): Promise<{ statements: string[]; failed: boolean }> {
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
      return { statements: await grants(tx, given.role ?? 'evenkeel', await needsOf(tx, bounds)), failed };
    },
  );
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

function script(ddl: string, statements: readonly string[], { given }: Call): string[] {
  const role = given.role ?? 'evenkeel';
  return [
    '-- The schema that Evenkeel keeps its ledger and journal in. Nothing else is created.',
    ddl,
    '',
    '-- What a role needs for these invariants, and no more; run it as the owner of the tables.',
    ...(given.role === undefined ? [`-- create role ${role} login password '…';`] : []),
    ...statements,
  ];
}
