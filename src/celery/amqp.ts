import type { ChannelModel, ConfirmChannel, connect } from 'amqplib';
import type { Broker } from './broker.ts';
import { type Message, Unroutable } from './message.ts';

/** A broker that says nothing for so long is taken for gone; ms. */
const confirmMs = 10_000;
const connectMs = 5_000;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * RabbitMQ: the default exchange, routing key = queue, on a confirm channel, `mandatory`, because a message that no queue takes is
 * confirmed too. Queues are never declared: a worker's arguments may differ, which would close the channel.
 */
export class AmqpBroker implements Broker {
  readonly #url: string;
  readonly #connect: typeof connect;
  #open: Promise<ConfirmChannel> | undefined;
  #connection: ChannelModel | undefined;
  readonly #waiting = new Map<string, Waiting>();
  readonly #returned = new Set<string>();

  constructor(url: string, connector: typeof connect) {
    this.#url = url;
    this.#connect = connector;
  }

  async send(message: Message): Promise<void> {
    this.#open ??= this.#channel();
    const channel = await this.#open;
    const { id, queue, headers, body, priority } = message;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        timer = setTimeout(() => this.#lost(new Error('it confirms nothing')), confirmMs);
        channel.publish(
          '',
          queue,
          Buffer.from(body),
          {
            contentType: 'application/json',
            contentEncoding: 'utf-8',
            deliveryMode: 2,
            correlationId: id,
            messageId: id,
            mandatory: true,
            headers,
            ...(priority !== undefined && { priority }),
          },
          error => {
            if (error) reject(new Error('the broker would not take it'));
            else if (this.#returned.delete(id)) reject(new Unroutable(`there is no queue ${queue}`));
            else resolve();
          },
        );
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#open = undefined;
    await connection?.close().catch(() => {});
  }

  async #channel(): Promise<ConfirmChannel> {
    try {
      const url = new URL(this.#url);
      if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', '10');
      const connection = await this.#connect(url.href, { timeout: connectMs });
      this.#connection = connection;
      connection.on('error', () => {});
      connection.on('close', () => this.#lost(new Error('the connection ended')));
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      channel.on('close', () => this.#lost(new Error('the channel ended')));
      channel.on('return', ({ properties }) => this.#returned.add(String(properties.messageId)));
      return channel;
    } catch (error) {
      this.#open = undefined;
      throw error;
    }
  }

  /** What was not confirmed may have arrived or not: it is sent again, under the same id. */
  #lost(why: Error): void {
    const connection = this.#connection;
    this.#open = undefined;
    this.#connection = undefined;
    for (const { reject } of this.#waiting.values()) reject(why);
    this.#waiting.clear();
    this.#returned.clear();
    void connection?.close().catch(() => {});
  }
}
