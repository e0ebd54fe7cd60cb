import type { Invariant } from '../declare/invariant.ts';
import type { Backing, Lived } from './live.ts';
import type { Passed } from './pass.ts';
import { heals } from './scene.ts';
import type { Boundary, Corruption, Searched } from './search.ts';

/** What a drill found out about one invariant. */
export interface Drilled {
  readonly name: string;
  readonly file: string;
  /** Only that it finds is drilled where others decide what is written; then `because` says who. */
  readonly drilledFor: 'healing' | 'finding';
  readonly because: string | null;
  /** EK601: why nothing could be broken. */
  readonly undrillable: string | null;
  readonly corruptions: readonly Drill[];
  readonly score: { readonly passed: number; readonly of: number };
  readonly mutants: {
    readonly made: number;
    readonly told: number;
    /** EK602: those that no row of the drill tells from the invariant. */
    readonly survivors: readonly {
      readonly kind: string;
      readonly line: number;
      readonly was: string;
      readonly now: string;
    }[];
  };
  /** Is that right? */
  readonly boundaries: readonly {
    readonly flagged: boolean;
    readonly key: string;
    readonly after: string | null;
    readonly tells: string;
  }[];
  /** Changes that can't be followed, and why: those are found by sweeps. */
  readonly unfollowed: readonly string[];
}

export interface Drill {
  readonly what: string;
  /** differs, missing, extra, broken */
  readonly kinds: readonly string[];
  /** Null: it could not be done again while the engine ran. */
  readonly byCapture: boolean | null;
  readonly bySweep: boolean | null;
  /** Null: nobody was to heal it. */
  readonly healed: boolean | null;
  /** A second pass wrote nothing, and nothing else was broken on the way. */
  readonly converged: boolean | null;
  /** To the same text. Null: a row was appended, or nothing was healed. */
  readonly undone: boolean | null;
  /** From the commit to the heal, or to the finding. */
  readonly ms: number | null;
  readonly why: string | null;
}

export interface Findings {
  readonly searched: Searched | undefined;
  readonly lived: ReadonlyMap<Corruption, Lived>;
  readonly passed: ReadonlyMap<Corruption, Passed>;
  readonly backing: Backing | undefined;
  readonly undrillable: string | null;
}

export function reportOf(
  invariant: Invariant,
  { searched, lived, passed, backing, undrillable }: Findings,
): Drilled {
  const drills = (searched?.corruptions ?? []).map(one => drillOf(one, lived.get(one), passed.get(one)));
  const followed = backing?.followed === true && backing.unfollowed.length === 0;
  const checks = drills.flatMap(one => [
    followed ? one.byCapture : null,
    one.bySweep,
    one.healed,
    one.converged,
    one.undone,
  ]);
  const asked = checks.filter(one => one !== null);
  return {
    name: invariant.name,
    file: invariant.place.file,
    drilledFor: heals(invariant) ? 'healing' : 'finding',
    because: because(invariant),
    undrillable,
    corruptions: drills,
    score: { passed: asked.filter(Boolean).length, of: asked.length },
    mutants: {
      made: searched?.mutants ?? 0,
      told: (searched?.mutants ?? 0) - (searched?.survivors.length ?? 0),
      survivors: (searched?.survivors ?? []).map(({ kind, line, was, now }) => ({ kind, line, was, now })),
    },
    boundaries: (searched?.boundaries ?? []).map(boundaryOf),
    unfollowed: backing?.unfollowed ?? [],
  };
}

function drillOf({ change, kinds }: Corruption, lived: Lived | undefined, passed: Passed | undefined): Drill {
  const both = (a: boolean | undefined, b: boolean | undefined) =>
    a === undefined && b === undefined ? null : a !== false && b !== false;
  return {
    what: change.what,
    kinds,
    byCapture: lived ? lived.found === 'capture' : null,
    bySweep: passed?.found ?? null,
    healed: both(lived?.found === undefined ? undefined : lived.healed, passed?.healed),
    converged: both(lived?.found === undefined ? undefined : lived.converged, passed?.silent),
    undone: passed?.undone ?? null,
    ms: lived?.ms === undefined ? null : Math.round(lived.ms),
    why: lived?.why ?? passed?.why ?? null,
  };
}

const boundaryOf = ({ what, key, flagged, mutant }: Boundary) => ({
  flagged,
  key,
  after: what,
  tells: `${mutant.was}  from  ${mutant.now}`,
});

function because({ heal, source }: Invariant): string | null {
  if (source) return 'another system is its truth, in whose place the filled rows stood';
  const [first] = heal;
  if (!first) return 'it declares no remedy';
  const why = {
    park: 'a person decides',
    claim: 'it is left to programs',
    call: 'an upstream is asked',
    celery: 'a Celery worker heals it',
  };
  return first.do in why ? why[first.do as keyof typeof why] : null;
}

/** Declared to be healed, and not healed in the drill: what makes a run fail. */
export const unhealed = ({ corruptions }: Drilled): readonly Drill[] =>
  corruptions.filter(({ healed }) => healed === false);
