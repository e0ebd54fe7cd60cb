/** Customers who order, pay, subscribe and change their minds: several at once, in both shops. All of it correct. */
import { setTimeout as delay } from 'node:timers/promises';
import * as shop from './operations.ts';
import { below, type Shelf } from './shelf.ts';
import { commit, type Twins } from './twins.ts';

export interface Traffic {
  /** Transactions committed to each shop so far. */
  readonly committed: number;
  /** Ends when all operations are through, or once stopped. Rejects with the first that failed. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  lanes: number;
  /** Average rest of a lane after an operation. */
  pauseMs: number;
  /** Operations in all; default: until stopped. */
  operations?: number;
}

export function startTraffic(twins: Twins, shelf: Shelf, { lanes, pauseMs, operations }: Options): Traffic {
  const stopped = new AbortController();
  let left = operations ?? Infinity;
  let committed = 0;
  const book: Book = async writes => {
    await commit(twins, writes);
    committed++;
  };

  async function lane() {
    while (left-- > 0 && !stopped.signal.aborted) {
      await pick()(book, shelf);
      if (pauseMs > 0) {
        await delay(2 * Math.random() * pauseMs, undefined, { signal: stopped.signal }).catch(
          () => undefined,
        );
      }
    }
  }
  const done = Promise.all(Array.from({ length: lanes }, lane)).then(() => undefined);
  return {
    get committed() {
      return committed;
    },
    done,
    stop: () => (stopped.abort(), done),
  };
}

type Book = (writes: shop.Write[]) => Promise<void>;
type Customer = (book: Book, shelf: Shelf) => Promise<void>;

/** Who comes how often, of a hundred. */
const customers: readonly (readonly [number, Customer])[] = [
  [35, order],
  [23, addToOrder],
  [20, settle],
  [5, changeOfMind],
  [5, (book, shelf) => book(shop.restock(shelf.product(), 10 + below(40)))],
  [4, newSubscription],
  [6, otherPlan],
  [2, otherTier],
];

function pick(): Customer {
  let ticket = below(100);
  return customers.find(([share]) => (ticket -= share) < 0)![1];
}

async function order(book: Book, shelf: Shelf) {
  const id = shelf.newOrder();
  await book(shop.place(id, shelf.customer(), shelf.today, shelf.basket()));
  shelf.putBack('orders', id);
}

async function addToOrder(book: Book, shelf: Shelf) {
  const id = shelf.take('orders');
  if (id === undefined) return;
  await book(shop.addLines(id, shelf.basket(1)));
  shelf.putBack('orders', id);
}

/** Paid in two transactions, as with any payment provider, then shipped. */
async function settle(book: Book, shelf: Shelf) {
  const id = shelf.take('orders');
  if (id === undefined) return;
  await book(shop.claim(id, 'till'));
  await book(shop.capture(id));
  await book(shop.ship(id));
}

async function changeOfMind(book: Book, shelf: Shelf) {
  const id = shelf.take('orders');
  if (id !== undefined) await book(shop.withdraw(id));
}

async function newSubscription(book: Book, shelf: Shelf) {
  const id = shelf.newSubscription();
  await book(shop.subscribe(id, shelf.customer(), ...shelf.plan()));
  shelf.putBack('subscriptions', id);
}

async function otherPlan(book: Book, shelf: Shelf) {
  const id = shelf.take('subscriptions');
  if (id === undefined) return;
  await book(shop.changePlan(id, ...shelf.plan()));
  shelf.putBack('subscriptions', id);
}

async function otherTier(book: Book, shelf: Shelf) {
  const id = shelf.take('memberships');
  if (id === undefined) return;
  await book(shop.changeTier(id, ...shelf.tier()));
  shelf.putBack('memberships', id);
}
