import { PassThrough } from 'node:stream';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { colorsFor } from '../../../src/cli/colors.ts';
import { createProgressView } from '../../../src/cli/progress-view.ts';

const terminal = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY, columns: 120 });
const written = (stream: PassThrough) => String(stream.read() ?? '');
const half = { subtaskId: 's-0', label: '#0 seo', percent: 50, note: 'reading' };

test('where there is no terminal progress is told in lines, without control sequences', () => {
  const stream = terminal(false);
  const view = createProgressView(stream, pc.createColors(false));
  view.progress(half);
  view.lineWithoutBars(['progress    #0 seo · 50 %']);
  view.line('next');
  view.settle();
  expect(written(stream)).toBe('progress    #0 seo · 50 %\nnext\n');
});

test('on a terminal a subtask has one bar in place of lines, drawn again below what is written meanwhile', () => {
  const stream = terminal(true);
  const view = createProgressView(stream, pc.createColors(false));
  view.progress(half);
  view.lineWithoutBars(['progress    #0 seo · 50 %']);
  view.progress({ ...half, percent: 75 });
  view.line('a line between');
  view.settle();
  const text = written(stream);
  expect(text).not.toContain('progress');
  expect(text.slice(text.indexOf('a line between'))).toMatch(/^a line between\n.*#0 seo +█+░+ 75 % {2}reading/s);
});

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
  [false, { FORCE_COLOR: '1', CI: 'true' }, false],
])('terminal %j with %j: colours %j', (isTTY, env, expected) => {
  expect(colorsFor(terminal(isTTY), env).isColorSupported).toBe(expected);
});
