import { signal } from '@preact/signals';

const STORED_AS = 'swarmbid-theme';
const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>(THEMES.find((one) => one === localStorage.getItem(STORED_AS)) ?? 'system');
/** Grows when the colours change, for what paints them itself. */
export const palette = signal(0);

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = theme.value;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    palette.value += 1;
  });
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
  localStorage.setItem(STORED_AS, theme.value);
  document.documentElement.dataset['theme'] = theme.value;
  palette.value += 1;
}
