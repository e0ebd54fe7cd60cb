import { holdInvariant, holdSubject } from '../find/decide.ts';
import { byWhom } from './by.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { subjectNamed } from '../find/subject.ts';

/** `evenkeel hold <invariant | invariant/key>` */
export async function run({ args, given, config, out, shown }: Call): Promise<0> {
  const by = byWhom(given);
  await withPool(config, async pool => {
    const { invariant, key, columns } = await subjectNamed(pool, args);
    if (key === undefined) {
      const fresh = await holdInvariant(pool, invariant, by, given.why);
      if (out.json) out.value({ held: { invariant, key: null }, before: !fresh });
      else
        out.line(
          `${invariant} ${fresh ? 'observes' : 'was held already: it observes'} until \`evenkeel resume ${invariant}\``,
        );
      return;
    }
    await holdSubject(pool, { invariant, key }, by);
    if (out.json) out.value({ held: { invariant, key: shown.maskKey(key, columns) }, before: false });
    else out.line(`${invariant} ${shown.key(key, columns)} is left alone until \`evenkeel resume\``);
  });
  return 0;
}
