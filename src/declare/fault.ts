/**
 * What is wrong with a piece of a declaration, said before it is known in which file and line it stands:
 * the same words serve a header line and a TypeScript definition, which add their own code and place.
 */
export class Fault extends Error {
  /** Offset in the text that was read. */
  readonly at: number;
  readonly hint: string | undefined;

  constructor(message: string, options: { at?: number; hint?: string } = {}) {
    super(message);
    this.name = 'Fault';
    this.at = options.at ?? 0;
    this.hint = options.hint;
  }
}

/** Runs `read`; what it finds wrong comes back as a value. Anything but a Fault is a bug and goes on flying. */
export function attempt<T>(read: () => T): { value: T } | { fault: Fault } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof Fault) return { fault: error };
    throw error;
  }
}
