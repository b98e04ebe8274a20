/** Numbers beyond this, either way, are refused: their squares and sums stay far from where floating point ends. */
export const MAX_NUMBER = 1e12;

export function isUsableNumber(value: number): boolean {
  return Math.abs(value) <= MAX_NUMBER;
}

/** `value` to at most `digits` decimals; a half goes up. */
export function roundTo(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round((value + Number.EPSILON) * scale) / scale;
}

/** Money to its hundredths. */
export function roundMoney(amount: number): number {
  return roundTo(amount, 2);
}
