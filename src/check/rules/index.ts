import { alwaysTrue } from './always-true.ts';
import { arbitraryRows } from './arbitrary-rows.ts';
import { deadCondition } from './dead-condition.ts';
import { floatEquality } from './float-equality.ts';
import { impossibleLiteral } from './impossible-literal.ts';
import { notImmutable } from './not-immutable.ts';
import { notInNullable } from './not-in-nullable.ts';
import { nullBlind } from './null-blind.ts';
import { orderSensitive } from './order-sensitive.ts';
import type { QueryRule, Rule } from './rule.ts';
import { schemaGuarantees } from './schema-guarantees.ts';
import { unhandledValue } from './unhandled-value.ts';

/** Each has a page in docs/rules/. */
export const rules: readonly Rule[] = [deadCondition, alwaysTrue, nullBlind];
export const queryRules: readonly QueryRule[] = [
  impossibleLiteral,
  unhandledValue,
  schemaGuarantees,
  notInNullable,
  notImmutable,
  arbitraryRows,
  orderSensitive,
  floatEquality,
];
