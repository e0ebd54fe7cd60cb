import type { Key } from '../ask/ask.ts';

/** These subjects can't be healed as they are. `known`: nobody else was in the way, so trying again changes little. */
export class Fault extends Error {
  readonly keys: readonly Key[] | undefined;
  readonly known: boolean;
  constructor(message: string, keys: readonly Key[] | undefined, known = false) {
    super(message);
    this.name = 'Fault';
    this.keys = keys;
    this.known = known;
  }
}

/** Somebody else holds a row that this heal needs as well; it gives way. */
export class Busy extends Error {
  override name = 'Busy';
}

/** It holds rows that somebody else may need for too long. */
export class Slow extends Busy {
  override name = 'Slow';
}
