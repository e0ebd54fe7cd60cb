/** The public door: what a file in `invariants/` imports. */
export { invariant } from './declare/invariant.ts';
export { call } from './declare/call.ts';
export { celery } from './declare/celery.ts';
export { from } from './declare/from.ts';
export { limit } from './declare/limit.ts';
export { claim, insert, park, remove, set } from './declare/remedy.ts';
export { postgres, redisCounters } from './sources.ts';
export { sql } from './declare/sql.ts';
export type { Answer, BatchHandler, Call, CallOptions, Handler, Subject, Upstream } from './declare/call.ts';
export type { Celery, CeleryOptions } from './declare/celery.ts';
export type { Page, Row, RowKey, Source, SourceDefinition } from './declare/from.ts';
export type { Limit, LimitDefinition, Rate } from './declare/limit.ts';
export type { Definition, Governed, Heal, Invariant } from './declare/invariant.ts';
export type { Literal } from './declare/literal.ts';
export type { Remedy } from './declare/remedy.ts';
export type { Sql } from './declare/sql.ts';
