import { brokerFor } from '../../src/celery/broker.ts';
import { messageOf } from '../../src/celery/message.ts';
import { celery } from '../../src/declare/celery.ts';
import type { Options } from '../options.ts';
import type { Report } from '../report.ts';
import { median } from '../stage.ts';

const count = 20_000;
/** As many as the courier has under way. */
const beside = 500;
const queue = 'evenkeel_bench';

/** To the broker that EVENKEEL_BROKER_URL names, each message checked and confirmed; nobody takes them. */
export async function benchHandover({ rounds }: Options): Promise<Report> {
  // oxlint-disable-next-line node/no-process-env
  const url = process.env['EVENKEEL_BROKER_URL'];
  if (!url) throw new Error('EVENKEEL_BROKER_URL names the broker: an empty one, of its own');
  const empty = await makeQueue(url);
  const broker = await brokerFor(url);
  const rates: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      for (let i = 0; i < count; i += beside)
        await Promise.all(
          Array.from({ length: beside }, (_, j) => broker.send(message(round * count + i + j))),
        );
      rates.push((1_000 * count) / (performance.now() - began));
      await empty();
    }
  } finally {
    await broker.close();
    await empty(true);
  }
  return {
    how: `median of ${rounds} times ${count.toLocaleString('en')} messages, ${beside} beside each other, over ${new URL(url).protocol}`,
    rows: [{ what: 'confirmed messages a second', value: Math.round(median(rates)).toLocaleString('en') }],
  };
}

const message = (i: number) =>
  messageOf(
    celery('shop.send_receipt', { args: ['id', 'email'], queue }),
    column => ({
      text: column === 'id' ? String(i) : `someone${i}@example.org`,
      family: column === 'id' ? 23 : 25,
    }),
    ['id'],
    String(i).padStart(64, '0'),
    1,
  );

/** Gives what empties it; `gone`: and takes it away. */
async function makeQueue(url: string): Promise<(gone?: boolean) => Promise<void>> {
  if (!url.startsWith('amqp')) {
    const { Redis } = await import('ioredis');
    const client = new Redis(url);
    return async gone => {
      await client.del(queue);
      if (gone) client.disconnect();
    };
  }
  const { connect } = await import('amqplib');
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: true });
  return async gone => {
    await channel.purgeQueue(queue);
    if (!gone) return;
    await channel.deleteQueue(queue);
    await connection.close();
  };
}
