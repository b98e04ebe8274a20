const PATHS = {
  tasks: 'M4 6h12M4 10h12M4 14h8',
  agents:
    'M7 9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-4.5 7c0-2.5 2-4.3 4.5-4.3s4.5 1.8 4.5 4.3M13.5 9.2a2.2 2.2 0 1 0-.8-4.250M13.7 11.9c2.2.2 3.8 1.9 3.8 4.1',
  market: 'M3.5 16.5h13M6 14V9.5M10 14V4.5M14 14V7.5',
  admin: 'M3 6.5h8M15 6.5h2M3 13.5h2M9 13.5h8M13 8.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM7 15.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  sun: 'M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1',
  moon: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3Z',
  half: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm0 0v14M10 6h4.5M10 9h6.7M10 12h6.5M10 15h4.5',
  plus: 'M10 4v12M4 10h12',
  back: 'M12 4l-6 6 6 6',
  key: 'M13 11.5a4 4 0 1 0-3.8-2.7L3.5 14.5v2h2.5v-1.8h1.8v-1.8h1.7l1.2-1.2a4 4 0 0 0 2.3-.2ZM13.5 6.5h.01',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
