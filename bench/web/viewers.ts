import { customerLarge, loadOrders, orderTotal } from '../orders.ts';
import { asked, end, forked, said } from '../limits/process.ts';
import type { Row } from '../report.ts';
import { type Stage, median } from '../stage.ts';
import type { Looked, Looking } from './viewer.ts';

const rows = 300_000;
const viewers = 50;

/**
 * What it costs the engine that the dashboard, served by the same process as in `up`, is looked at while as much is healed as can
 * be: heals a second without viewers and with fifty, in turn. The viewers' own CPU is on the same cores; what it was is said.
 */
export async function benchViewers(stage: Stage, rounds: number): Promise<Row[]> {
  const files = { 'order-total': orderTotal, 'customer-large': customerLarge };
  await loadOrders(stage, rows);
  const healed: { alone: number[]; watched: number[] } = { alone: [], watched: [] };
  const looked: Looked[] = [];
  const run = async (count: number): Promise<number> => {
    await stage.sql('update orders set total = total + 1');
    await stage.sql('vacuum analyze orders');
    const engine = await stage.engine(files);
    const web = await stage.web(files);
    const looking: Looking = { url: web.url ?? '', viewers: count };
    const child = forked(new URL('viewer.js', import.meta.url).href, looking);
    await said(child);
    let began = 0;
    await engine.once(() => {
      began = performance.now();
      child.send('begin');
    });
    const seconds = (performance.now() - began) / 1000;
    if (count > 0) looked.push(await asked<Looked>(child, 'count'));
    await end(child);
    await web.stop();
    return rows / seconds;
  };
  // The first of all pays for what grows once.
  await run(0);
  for (let i = 0; i < rounds; i++) {
    healed.alone.push(await run(0));
    healed.watched.push(await run(viewers));
  }
  const ratios = healed.watched.map((speed, i) => speed / (healed.alone[i] ?? 1));
  const of = (what: (one: Looked) => number, digits: number) => median(looked.map(what)).toFixed(digits);
  return [
    { what: 'nobody looks, heals/s', value: Math.round(median(healed.alone)) },
    { what: 'fifty look, heals/s', value: Math.round(median(healed.watched)) },
    {
      what: 'fifty ÷ nobody (least–most)',
      value: `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)})`,
    },
    { what: 'pages/s that the fifty got', value: of(one => one.pages / one.seconds, 1) },
    { what: 'a page, ms: median', value: of(one => one.ms, 0) },
    { what: "the viewers' own share of a core, %", value: of(one => (100 * one.cpu) / one.seconds, 0) },
  ];
}
