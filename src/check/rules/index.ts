import { alwaysTrue } from './always-true.ts';
import { deadCondition } from './dead-condition.ts';
import { impossibleLiteral } from './impossible-literal.ts';
import { nullBlind } from './null-blind.ts';
import type { Rule } from './rule.ts';

/** Each has a page in docs/rules/. */
export const rules: readonly Rule[] = [deadCondition, alwaysTrue, impossibleLiteral, nullBlind];
