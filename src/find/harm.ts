/**
 * What looking costs the application: how many fewer transactions commit because a round runs than in the pauses between rounds.
 * Rounds and pauses follow each other several times a second, so whatever else comes and goes is the same in both; and it is asked of
 * what matters, whatever it is that is short: cores, disks or locks. Where there is something to spare, what a round delays is made
 * good right after it: so the first moments after a round count as its own. Commits are told by capture; all times in ms of
 * the server's clock.
 */
export class Harm {
  /** The first is the one whose commits, and those of the pause after it, are being counted. */
  #waiting: Round[] = [];
  #seen: Seen = nothing;

  began(at: number): void {
    // Where commits are told late, or none are, the oldest are given up.
    if (this.#waiting.length >= most) this.#waiting.shift();
    this.#waiting.push({ from: at, to: Number.POSITIVE_INFINITY, commits: 0, after: 0 });
  }

  ended(at: number): void {
    const round = this.#waiting.at(-1);
    if (round) round.to = Math.max(at, round.from);
  }

  /** They are told in about the order of their commits. */
  committed(at: number): void {
    for (let next = this.#waiting[1]; next && at >= next.from; next = this.#waiting[1])
      this.#close(next.from);
    const [round] = this.#waiting;
    if (!round || at < round.from) return;
    if (at < round.to + wakeMs) round.commits++;
    else round.after++;
  }

  /**
   * The share of the commits of a round's time that it costs, from below 0 (chance) to 1 and more, since this last told it;
   * undefined: too few for a word.
   */
  take(): number | undefined {
    const { rounds, ms, commits, betweenMs, between } = this.#seen;
    const rate = between / betweenMs;
    if (!(between >= enough && rate * ms >= enough)) return undefined;
    this.#seen = nothing;
    return (rate * (ms + rounds * wakeMs) - commits) / (rate * ms);
  }

  #close(next: number): void {
    const { from, to, commits, after } = this.#waiting.shift() as Round;
    const pause = next - to - wakeMs;
    // A round that follows closely leaves no pause to compare with.
    if (pause <= 0) return;
    const { rounds, ms, commits: others, betweenMs, between } = this.#seen;
    this.#seen = {
      rounds: rounds + 1,
      ms: ms + to - from,
      commits: others + commits,
      betweenMs: betweenMs + pause,
      between: between + after,
    };
  }
}

interface Round {
  readonly from: number;
  to: number;
  commits: number;
  after: number;
}
interface Seen {
  readonly rounds: number;
  readonly ms: number;
  readonly commits: number;
  readonly betweenMs: number;
  readonly between: number;
}
const nothing: Seen = { rounds: 0, ms: 0, commits: 0, betweenMs: 0, between: 0 };
const most = 1_000;
/** So long after a round its traces are still to be seen. */
const wakeMs = 20;
/** Of so many commits, chance takes or adds a twelfth. */
const enough = 150;
