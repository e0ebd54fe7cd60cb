/**
 * What looking costs the application: how many fewer transactions commit while a round runs than in the pauses between rounds. Rounds
 * and pauses follow each other several times a second, so whatever else comes and goes is the same in both; and it is asked of
 * what matters, whatever it is that is short: cores, disks or locks. Commits are told by capture; all times in ms of the server's clock.
 */
export class Harm {
  /** The first is the one whose commits, and those of the pause after it, are being counted. */
  #rounds: Round[] = [];
  #during: Count = { ms: 0, commits: 0 };
  #between: Count = { ms: 0, commits: 0 };

  began(at: number): void {
    // Where commits are told late, or none are, the oldest are given up.
    if (this.#rounds.length >= most) this.#rounds.shift();
    this.#rounds.push({ from: at, to: Number.POSITIVE_INFINITY, commits: 0, after: 0 });
  }

  ended(at: number): void {
    const round = this.#rounds.at(-1);
    if (round) round.to = Math.max(at, round.from);
  }

  /** They are told in about the order of their commits. */
  committed(at: number): void {
    for (let next = this.#rounds[1]; next && at >= next.from; next = this.#rounds[1]) this.#close(next.from);
    const [round] = this.#rounds;
    if (!round || at < round.from) return;
    if (at < round.to) round.commits++;
    else round.after++;
  }

  /** The share of commits that rounds cost, from below 0 (chance) to 1, since this last told it; undefined: too few for a word. */
  take(): number | undefined {
    const [during, between] = [this.#during, this.#between];
    if (between.commits < enough) return undefined;
    const expected = (between.commits / between.ms) * during.ms;
    if (expected < enough) return undefined;
    this.#during = { ms: 0, commits: 0 };
    this.#between = { ms: 0, commits: 0 };
    return 1 - during.commits / expected;
  }

  #close(next: number): void {
    const { from, to, commits, after } = this.#rounds.shift() as Round;
    // A round that follows closely leaves no pause to compare with.
    if (next <= to) return;
    this.#during = { ms: this.#during.ms + to - from, commits: this.#during.commits + commits };
    this.#between = { ms: this.#between.ms + next - to, commits: this.#between.commits + after };
  }
}

interface Round {
  readonly from: number;
  to: number;
  commits: number;
  after: number;
}
interface Count {
  readonly ms: number;
  readonly commits: number;
}
const most = 1_000;
/** Of so many commits, chance takes or adds a twelfth. */
const enough = 150;
