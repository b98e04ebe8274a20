import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import serveFiles from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import MarkdownIt, { type MarkdownIt as Markdown, type Token } from 'markdown-it';
import { MarketError } from '../contracts/errors.ts';
import { GUIDE_HEADERS } from './security-headers.ts';

const PATH = '/docs/guide';
const FIRST = 'getting-started';
/** From the sources and from the built package, which lie at different depths. */
const PLACES = ['../../docs/', '../../../docs/'];

interface GuidePage {
  name: string;
  title: string;
  body: string;
}

/** The pages of `docs/`, rendered when the first of them is asked for; raw HTML in them is shown as text. */
export async function guideRoutes(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(GUIDE_HEADERS);
    done();
  });
  const folder = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) =>
    existsSync(path.join(place, `${FIRST}.md`)),
  );
  if (folder === undefined) return;
  let pages: Promise<ReadonlyMap<string, string>> | undefined;
  const hidden = { schema: { hide: true } };
  app.get(PATH, hidden, (_request, reply) => reply.redirect(`${PATH}/${FIRST}`));
  app.get(`${PATH}/style.css`, hidden, (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
  app.get<{ Params: { page: string } }>(`${PATH}/:page`, hidden, async (request, reply) => {
    pages ??= readPages(folder);
    const { page } = request.params;
    const html = (await pages).get(page);
    if (html === undefined) throw new MarketError('NOT_FOUND', 'The guide has no such page.');
    return reply.type('text/html; charset=utf-8').send(html);
  });
  const pictures = path.join(folder, 'screenshots');
  if (!existsSync(pictures)) return;
  await app.register(serveFiles, {
    root: pictures,
    prefix: `${PATH}/screenshots/`,
    index: false,
    decorateReply: false,
  });
}

/** By name, as HTML. */
async function readPages(folder: string): Promise<ReadonlyMap<string, string>> {
  const markdown = newMarkdown();
  const files = (await readdir(folder)).filter((name) => name.endsWith('.md')).sort();
  const pages = await Promise.all(
    files.map(async (file): Promise<GuidePage> => {
      const text = await readFile(path.join(folder, file), 'utf8');
      const name = file.slice(0, -'.md'.length);
      return { name, title: /^# (.+)$/m.exec(text)?.[1] ?? name, body: markdown.render(text) };
    }),
  );
  pages.sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST));
  return new Map(pages.map((page) => [page.name, layOut(page, pages)]));
}

function newMarkdown(): Markdown {
  const markdown = new MarkdownIt({ html: false });
  markdown.core.ruler.push('links and anchors', ({ tokens }) => {
    tokens.forEach((token, index) => {
      if (token.type === 'heading_open') token.attrSet('id', anchorOf(tokens[index + 1]?.content ?? ''));
      for (const inner of token.children ?? []) if (inner.type === 'link_open') pointIntoGuide(inner);
    });
  });
  return markdown;
}

/** As code hosts name the headings of a Markdown file. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

/** `rules.md#ties` is a page here; what lies outside of `docs/` is not served, so it is no link. */
function pointIntoGuide(link: Token): void {
  const href = String(link.attrGet('href') ?? '');
  const [, name, anchor = ''] = /^([\w-]+)\.md(#.*)?$/.exec(href) ?? [];
  if (name !== undefined) link.attrSet('href', `${PATH}/${name}${anchor}`);
  else if (href.startsWith('../')) link.attrSet('href', `#${anchorOf(href)}`);
}

function layOut(page: GuidePage, pages: readonly GuidePage[]): string {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const links = pages.map(({ name, title }) => {
    const here = name === page.name ? ' aria-current="page"' : '';
    return `<li><a href="${PATH}/${name}"${here}>${escape(title)}</a></li>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(page.title)} · Swarmbid</title>
<link rel="stylesheet" href="${PATH}/style.css">
</head>
<body>
<nav aria-label="Guide"><p><a href="/">Swarmbid</a> · <a href="/docs">API</a></p><ul>${links.join('')}</ul></nav>
<main>${page.body}</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.55 system-ui, sans-serif; }
body { display: grid; grid-template-columns: 15rem minmax(0, 50rem); gap: 2rem; margin: 0; padding: 1.5rem; }
nav ul { list-style: none; padding: 0; }
nav [aria-current] { font-weight: 700; }
pre { overflow-x: auto; padding: 0.8rem; border: 1px solid #8886; border-radius: 6px; font-size: 0.875rem; }
table { display: block; overflow-x: auto; border-collapse: collapse; font-size: 0.925rem; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid #8886; text-align: left; vertical-align: top; }
@media (max-width: 50rem) { body { grid-template-columns: minmax(0, 1fr); } }
`;
