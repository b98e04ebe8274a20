const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be because been but by can could did do does each for from had has ' +
    'have he her his how i if in into is it its just like may more most must my no not of on one only or other our out ' +
    'over own same she should so some such than that the their them then there these they this those to too up us very ' +
    'was we were what when where which while who why will with would you your'
  ).split(' '),
);

export interface Keyword {
  keyword: string;
  count: number;
}

/** The words of three letters or more that occur most, stop words left out; where equal, the earlier first. */
export function extractKeywords(text: string, limit: number): Keyword[] {
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(/\p{L}[\p{L}\p{N}]{2,}/gu)) {
    if (!STOP_WORDS.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .map(([keyword, count]) => ({ keyword, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, limit);
}
