/**
 * Edits between two words: a letter put in, left out, changed, or two neighbours swapped
 * (Damerau–Levenshtein, optimal string alignment).
 */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

/** The word that was probably meant: close for its length, whatever the case; undefined where none is. */
export function guess(word: string, words: Iterable<string>): string | undefined {
  let best: { word: string; edits: number } | undefined;
  for (const candidate of words) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    // A third of a word may be wrong; a guess that shares nothing with a short word helps nobody.
    const shorter = Math.min(word.length, candidate.length);
    const close = edits <= Math.max(1, Math.floor(candidate.length / 3)) && edits < shorter;
    if (close && (!best || edits < best.edits)) best = { word: candidate, edits };
  }
  return best?.word;
}

/** `; did you mean 'heal'?`, or nothing. */
export function didYouMean(word: string, words: Iterable<string>): string {
  const meant = guess(word, words);
  return meant === undefined ? '' : `; did you mean '${meant}'?`;
}
