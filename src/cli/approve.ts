import { approve } from '../find/decide.ts';
import { byWhom } from './by.ts';
import type { Call } from './commands.ts';
import { withPool } from './database.ts';
import { idsOf } from './numbers.ts';
import { clean, count } from '../show/text.ts';

/** `evenkeel approve <violation…>` */
export async function run({ args, given, config, out, shown }: Call): Promise<0 | 1> {
  const ids = idsOf(args, 'violations');
  const { approved, refused } = await withPool(config, pool => approve(pool, ids, byWhom(given)));
  if (out.json) {
    out.value({
      approved: approved.map(({ keyColumns, ...one }) => ({
        ...one,
        key: shown.maskKey(one.key, keyColumns),
      })),
      refused,
    });
  } else {
    for (const { id, invariant, key, keyColumns } of approved) {
      out.line(`${out.paint('green', 'approved')}  #${id}  ${invariant}  ${shown.key(key, keyColumns)}`);
    }
    for (const { id, why } of refused) out.line(`${out.paint('yellow', 'refused')}  #${id}  ${clean(why)}`);
    if (approved.length > 0)
      out.note(`${count(approved.length, 'violation')}: a running \`evenkeel up\` heals them now`);
  }
  return refused.length > 0 ? 1 : 0;
}
