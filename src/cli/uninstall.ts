import { type Pool, transaction } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { publicationName } from '../watch/capture/slot/publication.ts';
import { removeSlots } from '../watch/capture/slot/slot.ts';
import { dropDdl } from '../watch/capture/trigger/ddl.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { applySteps } from './ddl.ts';
import { count } from '../show/text.ts';

/** `evenkeel uninstall --yes` */
export async function run({ given, config, out }: Call): Promise<0> {
  await withPool(config, async pool => {
    const there = await look(pool);
    if (!there) {
      if (out.json) out.value({ dropped: false, entries: 0 });
      else out.line('the schema evenkeel is not there: nothing to do');
      return;
    }
    const { entries, alive } = there;
    if (given.yes !== true) {
      throw new EvenkeelError(
        'wrong-use',
        `this drops the schema evenkeel, with ${count(entries, 'journal entry', 'journal entries')}`,
        {
          hint: 'What was healed stays healed, but can no longer be undone. If that is meant: evenkeel uninstall --yes',
        },
      );
    }
    if (alive.length > 0) {
      throw new EvenkeelError('busy-elsewhere', `\`evenkeel up\` is running: ${alive.join(', ')}`, {
        hint: 'Stop it first: it would miss its ledger, and install it again when it restarts.',
      });
    }
    const triggers = await transaction(pool, { statement: 30_000, schemas: ['public'] }, tx => dropDdl(tx));
    await applySteps(pool, triggers);
    await removeSlots(pool, publicationName);
    await transaction(pool, { statement: 60_000, lock: 5_000, schemas: ['public'] }, async tx => {
      await tx.query('drop schema evenkeel cascade');
    });
    if (out.json) out.value({ dropped: true, entries });
    else out.line(`the schema evenkeel is gone, with ${count(entries, 'journal entry', 'journal entries')}`);
    out.note(
      'Rights that were granted to a role of its own go with the role: drop owned by <role>; drop role <role>;',
    );
  });
  return 0;
}

/** Undefined: nothing is installed. A schema that is half there, or newer, is dropped all the same. */
async function look(pool: Pool): Promise<{ entries: number; alive: string[] } | undefined> {
  const { rows } = await pool.query<{ schema: boolean; tables: boolean }>(
    `select to_regnamespace('evenkeel') is not null as schema,
            to_regclass('evenkeel.entry') is not null and to_regclass('evenkeel.process') is not null as tables`,
  );
  if (!rows[0]?.schema) return undefined;
  if (!rows[0].tables) return { entries: 0, alive: [] };
  const counted = await pool.query<{ entries: number; alive: string[] }>(
    `select (select count(*) from evenkeel.entry)::float8 as entries,
            array(select host || '/' || pid from evenkeel.process
                   where heartbeat_at > clock_timestamp() - interval '10 seconds') as alive`,
  );
  return counted.rows[0];
}
