/**
 * What goes wrong in real services, each as one of the shop's own operations with a write forgotten. A kind may
 * have several forms; all are injected in turn.
 */
import type { RuleName } from '../judge/rules.ts';
import * as shop from '../shop/operations.ts';
import type { Shelf } from '../shop/shelf.ts';

export interface Fault {
  /** What is broken, and which row of it (its key as text). */
  readonly invariant: RuleName;
  readonly subject: readonly string[];
  readonly writes: readonly shop.Write[];
  /** The order whose customer has to follow once the subject is right: one heal sets off another. */
  readonly followedBy?: number;
}

/** Undefined where nothing is left to break. */
type Form = (shelf: Shelf) => Fault | undefined;

export const kinds = {
  died: { says: 'worker died between writes', forms: [lineWithoutTotal, deliveryWithoutStock] },
  lost: { says: 'increment lost', forms: [orderNotCounted, lineNotReserved] },
  orphan: { says: 'delete left an orphan', forms: [paymentLeftBehind] },
  stuck: { says: 'status stuck', forms: [paymentNeverCaptured] },
  missing: { says: 'mirror row missing', forms: [subscriptionNotMirrored] },
  stale: { says: 'mirror row stale', forms: [planNotMirrored] },
  webhook: { says: 'webhook lost', forms: [tierNotTold] },
  group: { says: 'roll-up misses a group', forms: [groupNotFilled] },
} as const satisfies Record<string, { says: string; forms: readonly Form[] }>;

export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as Kind[];

function without(writes: shop.Write[], ...forgotten: string[]): shop.Write[] {
  const left = writes.filter(({ does }) => !forgotten.includes(does));
  if (left.length !== writes.length - forgotten.length)
    throw new Error(`No such write: ${forgotten.join(', ')}`);
  return left;
}

function lineWithoutTotal(shelf: Shelf): Fault | undefined {
  const order = shelf.take('orders');
  if (order === undefined) return;
  return {
    invariant: 'order-total',
    subject: [String(order)],
    writes: without(shop.addLines(order, shelf.basket(1)), 'order total', 'customer lifetime value'),
    followedBy: order,
  };
}

function deliveryWithoutStock(shelf: Shelf): Fault {
  const product = shelf.product();
  return {
    invariant: 'product-on-hand',
    subject: [String(product)],
    writes: without(shop.restock(product, 24), 'stock'),
  };
}

function orderNotCounted(shelf: Shelf): Fault {
  const customer = shelf.customer();
  return {
    invariant: 'customer-account',
    subject: [String(customer)],
    writes: without(shop.place(shelf.newOrder(), customer, shelf.today, shelf.basket()), 'customer count'),
  };
}

function lineNotReserved(shelf: Shelf): Fault | undefined {
  const order = shelf.take('orders');
  if (order === undefined) return;
  const lines = shelf.basket(1);
  return {
    invariant: 'product-reserved',
    subject: lines.products.map(String),
    writes: without(shop.addLines(order, lines), 'reserve'),
  };
}

function paymentLeftBehind(shelf: Shelf): Fault | undefined {
  const order = shelf.take('orders');
  if (order === undefined) return;
  return {
    invariant: 'payment-orphan',
    subject: [String(order)],
    writes: without(shop.withdraw(order), 'payment'),
  };
}

function paymentNeverCaptured(shelf: Shelf): Fault | undefined {
  const payment = shelf.take('orders');
  if (payment === undefined) return;
  return {
    invariant: 'payment-stuck',
    subject: [String(payment)],
    writes: shop.claim(payment, 'till that crashed', '1 hour'),
  };
}

function subscriptionNotMirrored(shelf: Shelf): Fault {
  const subscription = shelf.newSubscription();
  return {
    invariant: 'billing-mirror',
    subject: [String(subscription)],
    writes: without(shop.subscribe(subscription, shelf.customer(), ...shelf.plan()), 'mirror'),
  };
}

function planNotMirrored(shelf: Shelf): Fault | undefined {
  const subscription = shelf.take('subscriptions');
  if (subscription === undefined) return;
  return {
    invariant: 'billing-mirror',
    subject: [String(subscription)],
    writes: without(shop.changePlan(subscription, 'legacy', 1900), 'mirror'),
  };
}

function tierNotTold(shelf: Shelf): Fault | undefined {
  const membership = shelf.take('memberships');
  if (membership === undefined) return;
  return {
    invariant: 'membership',
    subject: [String(membership)],
    writes: without(shop.changeTier(membership, 'founder', 9900), 'webhook'),
  };
}

function groupNotFilled(shelf: Shelf): Fault {
  const [category, day] = [shelf.category(), shelf.pastDay()];
  return {
    invariant: 'daily-sales',
    subject: [String(category), day],
    writes: without(shop.rebuild(category, day), 'fill'),
  };
}
