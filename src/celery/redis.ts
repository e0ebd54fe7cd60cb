import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Broker } from './broker.ts';
import type { Message } from './message.ts';

/** As kombu has them: a list for each of these, 0 goes first. */
const steps = [0, 3, 6, 9];
const separator = '\u0006\u0016';

/** Redis as kombu uses it (kombu/transport/redis.py): a list for each queue, pushed on the left. */
export class RedisBroker implements Broker {
  readonly #redis: Redis;
  readonly #prefix: string;
  /** Why there is no connection: commands only say that there is none. */
  #trouble: Error | undefined;

  /** `?global_keyprefix=` in the URL is what Celery calls so in its `broker_transport_options`. */
  constructor(url: string, make: typeof Redis) {
    const { searchParams } = new URL(url);
    this.#prefix = searchParams.get('global_keyprefix') ?? '';
    this.#redis = new make(url.split('?')[0] as string, {
      lazyConnect: true,
      connectTimeout: 5_000,
      commandTimeout: 10_000,
      maxRetriesPerRequest: 0,
      enableAutoPipelining: true,
      retryStrategy: times => Math.min(2_000, 100 * 2 ** times),
    });
    this.#redis.on('error', (error: Error) => {
      this.#trouble = error;
    });
    this.#redis.on('ready', () => {
      this.#trouble = undefined;
    });
  }

  async send({ id, queue, headers, body, priority }: Message): Promise<void> {
    const step = steps.findLast(one => one <= (priority ?? 0)) ?? 0;
    const envelope = {
      body: Buffer.from(body).toString('base64'),
      'content-encoding': 'utf-8',
      'content-type': 'application/json',
      headers,
      properties: {
        correlation_id: id,
        reply_to: null,
        delivery_mode: 2,
        delivery_info: { exchange: '', routing_key: queue },
        priority: priority ?? 0,
        body_encoding: 'base64',
        // Of this copy: a worker keeps what it hasn't acknowledged under it.
        delivery_tag: randomUUID(),
      },
    };
    const key = this.#prefix + queue + (step === 0 ? '' : `${separator}${step}`);
    try {
      await this.#redis.lpush(key, JSON.stringify(envelope));
    } catch (error) {
      throw this.#trouble ?? error;
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await Promise.resolve();
  }
}
