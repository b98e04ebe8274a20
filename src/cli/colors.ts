import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;
export type Paint = (text: string) => string;

export type OutputStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Colour only on a terminal, and not where NO_COLOR (no-color.org) is set. */
export function colorsFor(stream: OutputStream, env: NodeJS.ProcessEnv): Colors {
  const unwanted = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return pc.createColors(stream.isTTY === true && !unwanted);
}
