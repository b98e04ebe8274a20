/** At most `digits` decimals, without trailing zeros: 14.2857, 40, 0.5. */
export function formatNumber(value: number, digits = 2): string {
  const text = value.toFixed(digits);
  const trimmed = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return trimmed === '-0' ? '0' : trimmed;
}

const AMOUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A whole number with its thousands apart, whatever the machine's locale: 3,241,350. */
export function formatAmount(value: number): string {
  return AMOUNT.format(value);
}

export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${formatNumber(ms, 0)} ms`;
  if (ms < 60_000) return `${formatNumber(ms / 1_000, 2)} s`;
  return `${Math.floor(ms / 60_000)} min ${formatNumber((ms % 60_000) / 1_000, 0)} s`;
}

export function formatPercent(percent: number): string {
  return `${formatNumber(percent, 1)} %`;
}

/** A share from 0 to 1; a dash where it is not known. */
export function formatShare(share: number | null): string {
  return share === null ? '–' : formatPercent(share * 100);
}

export function formatSigned(value: number, digits = 2): string {
  return value < 0 ? `−${formatNumber(-value, digits)}` : `+${formatNumber(value, digits)}`;
}

export function formatList(items: readonly string[], none = 'none'): string {
  return items.length === 0 ? none : items.join(', ');
}

/** `#2 finance` for `<taskId>-2`: within a task its ordinal tells a subtask apart. */
export function subtaskLabel(subtaskId: string, skills: readonly string[]): string {
  return [`#${subtaskId.slice(subtaskId.lastIndexOf('-') + 1)}`, skills.join('+')].join(' ').trimEnd();
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** What strangers wrote, on one line and without what would move a terminal's cursor or change its colours. */
export function printable(text: string): string {
  return text.replace(CONTROL, ' ');
}

/** A warning's message, with its rule before it unless the message names that itself. */
export function formatWarning(rule: string, message: string): string {
  return printable(message.includes(rule) ? message : `${rule}: ${message}`);
}

/** A warning in lines, to be read and not to be parsed: the rule, what does not hold, the values seen, who is blamed. */
export function warningLines(warning: { rule: string; message: string; blame: readonly string[] }): string[] {
  const quoted = `"${warning.rule}" `;
  const rest = warning.message.startsWith(quoted) ? warning.message.slice(quoted.length) : warning.message;
  const blame = warning.blame.length === 0 ? [] : [`blamed: ${formatList(warning.blame)}`];
  return [warning.rule, ...rest.split('; '), ...blame].map(printable);
}

/** `text` as it is, or cut after a word, with an ellipsis, to at most `maxCharacters`. */
export function cutAtWord(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const cut = text.slice(0, maxCharacters - 2);
  const atWord = cut.slice(0, cut.lastIndexOf(' ')).trimEnd();
  return `${atWord.length > maxCharacters / 2 ? atWord : cut} …`;
}
