import { EvenkeelError } from '../errors.ts';
import type { Message } from './message.ts';

/** Where tasks go. */
export interface Broker {
  /** Resolves when the broker has it. @throws why it has not */
  send(message: Message): Promise<void>;
  close(): Promise<void>;
}

/**
 * The client for a URL: `amqp:`, `amqps:`, `redis:`, `rediss:`. It connects when it is used, and again when that ended.
 * @throws no-client where the package that it takes isn't installed
 */
export async function brokerFor(url: string): Promise<Broker> {
  const { protocol } = new URL(url);
  if (protocol.startsWith('amqp')) {
    const { AmqpBroker } = await import('./amqp.ts');
    return new AmqpBroker(url, (await peer('amqplib', () => import('amqplib'))).connect);
  }
  const { RedisBroker } = await import('./redis.ts');
  return new RedisBroker(url, (await peer('ioredis', () => import('ioredis'))).Redis);
}

async function peer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new EvenkeelError('no-client', `the package ${name} is not installed`, {
      hint: `npm install ${name}`,
      cause,
    });
  }
}
