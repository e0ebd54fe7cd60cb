import { benchBloat } from './bloat.ts';
import { benchHeal } from './heal.ts';
import { benchSweep } from './sweep.ts';
import { openStage, type Stage } from './stage.ts';

/** `npm run bench [name …] [-- --rounds N]`: prints tables; never judges. */
const benches: Record<string, (stage: Stage, rounds: number) => Promise<Record<string, string | number>[]>> =
  {
    heal: benchHeal,
    sweep: benchSweep,
    bloat: benchBloat,
  };

const args = process.argv.slice(2);
const at = args.indexOf('--rounds');
const rounds = at < 0 ? 3 : Number(args.splice(at, 2)[1]);
for (const name of args.length ? args : Object.keys(benches)) {
  const bench = benches[name];
  if (!bench) throw new Error(`no such benchmark: ${name}; there are ${Object.keys(benches).join(', ')}`);
  const stage = await openStage();
  try {
    console.log(`\n${name}`);
    for (const { what, value } of await bench(stage, rounds))
      console.log(`  ${String(value).padStart(10)}  ${what}`);
  } finally {
    await stage.close();
  }
}
