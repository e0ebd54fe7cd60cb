import type { Pool } from '../db/pool.ts';
import { EvenkeelError } from '../errors.ts';
import { resumeInvariant, resumeSubject } from '../find/decide.ts';
import { readHome, settleHome } from '../roster/home.ts';
import { byWhom } from './by.ts';
import type { Call } from './commands.ts';
import { requireUrl, withPool } from './database.ts';
import { subjectNamed } from '../find/subject.ts';

/** `evenkeel resume <invariant | invariant/key | database>` */
export async function run(call: Call): Promise<0> {
  const { args, config } = call;
  await withPool(config, pool => (args[0] === 'database' ? database(pool, call) : named(pool, call)));
  return 0;
}

async function named(pool: Pool, { args, given, out, shown }: Call): Promise<void> {
  const { invariant, key, columns } = await subjectNamed(pool, args);
  if (key === undefined) {
    const was = await resumeInvariant(pool, invariant, byWhom(given));
    if (out.json) out.value({ resumed: { invariant, key: null }, was });
    else
      out.line(
        was ? `${invariant} does again what it declares` : `${invariant} was not held; it is looked at anew`,
      );
    return;
  }
  await resumeSubject(pool, { invariant, key }, byWhom(given));
  if (out.json) out.value({ resumed: { invariant, key: shown.maskKey(key, columns) }, was: true });
  else out.line(`${invariant} ${shown.key(key, columns)} is healed like any other again`);
}

/** A person says that this is the place, as seen from here. */
async function database(pool: Pool, { args, config, out }: Call): Promise<void> {
  if (args.length > 1) throw new EvenkeelError('wrong-use', '`resume database` takes nothing else');
  const home = await readHome(pool, requireUrl(config));
  if (!home.known || home.first) await settleHome(pool, home);
  const { database, host } = home;
  if (out.json) out.value({ resumed: { database, host }, was: !home.known });
  else if (home.known) out.line(`${database} on ${host} was known already`);
  else
    out.line(
      `${database} on ${host} is home from now on: a running \`evenkeel up\` heals again within seconds`,
    );
}
