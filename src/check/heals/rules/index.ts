import type { HealRule } from '../rule.ts';
import { createsViolation } from './creates-violation.ts';
import { ineffective } from './ineffective.ts';
import { observableOrder } from './observable-order.ts';
import { orderDependent } from './order-dependent.ts';
import { oscillation } from './oscillation.ts';
import { rejected } from './rejected.ts';
import { sweepBacked } from './sweep-backed.ts';
import { ungrantedWrite } from './ungranted-write.ts';
import { unindexedRecheck } from './unindexed-recheck.ts';

/** Those that look at heals, at several invariants, at rights and at cost. Each has a page in docs/rules/. */
export const healRules: readonly HealRule[] = [
  rejected,
  ineffective,
  oscillation,
  orderDependent,
  createsViolation,
  observableOrder,
  ungrantedWrite,
  unindexedRecheck,
  sweepBacked,
];
