/** What an event is to a reader that has been given everything up to `sentSeq`: only the next one may be given. */
export function placeOf(seq: number, sentSeq: number): 'old' | 'next' | 'gap' {
  if (seq <= sentSeq) return 'old';
  return seq === sentSeq + 1 ? 'next' : 'gap';
}
