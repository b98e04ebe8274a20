/**
 * Who may import whom. Each layer lists all that it may reach in src/; whatever is not listed is an error, type imports
 * included. ARCHITECTURE gives the reasons.
 */
const DOMAINS = ['orchestrator', 'agents', 'reputation', 'synthesis'];
const STORES = '-store\\.ts$';

const folders = (...names) => `^src/(${names.join('|')})/`;
const doors = (...names) => `^src/(${names.join('|')})/index\\.ts$`;

const layer = (name, comment, mayReach, exceptFrom) => ({
  name: `layer-${name}`,
  comment,
  severity: 'error',
  from: { path: folders(name), ...(exceptFrom === undefined ? {} : { pathNot: exceptFrom }) },
  to: { path: '^src/', pathNot: mayReach },
});

const onlyIn = (name, packages, homes) => ({
  name: `only-${name}`,
  comment: `${packages.join(', ')}: only in ${homes.join(', ')}`,
  severity: 'error',
  from: { pathNot: homes },
  to: { path: packages.map((one) => `^node_modules/(@types/)?${one}/`) },
});

const domainShared = [folders('contracts', 'util', 'observability', 'db', 'bus')];
const edgeShared = [folders('contracts', 'util', 'observability'), doors(...DOMAINS)];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('util', 'util knows nothing of the market', [folders('util')]),
    layer('contracts', 'contracts are a leaf', [folders('contracts', 'util')]),
    layer('observability', 'observability ← contracts, util', [folders('observability', 'contracts', 'util')]),
    layer('db', 'db ← contracts, util, and the logger that it is given', [
      folders('db', 'contracts', 'util', 'observability'),
    ]),
    layer('bus', 'bus ← contracts, util, db, observability', [
      folders('bus', 'contracts', 'util', 'db', 'observability'),
    ]),
    ...DOMAINS.map((domain) =>
      layer(domain, 'domains meet as types in contracts, as events and as ports; never by import', [
        folders(domain),
        ...domainShared,
      ]),
    ),
    ...DOMAINS.map((domain) => ({
      name: `core-${domain}`,
      comment: 'a core is pure decisions: its own files, contracts and util',
      severity: 'error',
      from: { path: `^src/${domain}/core/` },
      to: { path: '^src/', pathNot: [`^src/${domain}/core/`, folders('contracts', 'util')] },
    })),
    {
      name: 'core-no-io',
      comment: 'no built-in module of Node in a core',
      severity: 'error',
      from: { path: '^src/[^/]+/core/' },
      to: { dependencyTypes: ['core'] },
    },
    layer(
      'api',
      "api ← the domains' index.ts, contracts, util, observability",
      [folders('api'), ...edgeShared],
      STORES,
    ),
    {
      name: 'layer-api-stores',
      comment: 'the stores of keys and of the audit trail are the only files of api that know the database',
      severity: 'error',
      from: { path: `^src/api/.*${STORES}` },
      to: { path: '^src/', pathNot: [folders('api', 'db'), ...edgeShared] },
    },
    layer('live', "live ← the domains' index.ts, contracts, util, observability", [folders('live'), ...edgeShared]),
    layer('sdk', 'sdk ← contracts, util: it runs where a server does not', [folders('sdk', 'contracts', 'util')]),
    layer('cli', 'cli ← sdk, contracts, util, and what `up`, `demo`, `migrate` and `doctor` start', [
      folders('cli', 'sdk', 'contracts', 'util'),
      '^src/(app|package-version|config|demo-model|doctor|migrate|pool-credential)\\.ts$',
    ]),
    layer('dashboard', 'dashboard ← sdk, contracts: a client with no privilege of its own', [
      folders('dashboard', 'sdk', 'contracts', 'util'),
    ]),
    onlyIn('sql', ['kysely', 'pg'], ['^src/db/', '^migrations/', STORES, '^src/bus/postgres-event-bus\\.ts$']),
    onlyIn('redis', ['ioredis', 'bullmq'], ['^src/bus/']),
    onlyIn('http', ['fastify', 'fastify-type-provider-zod', '@fastify/[^/]+'], ['^src/api/']),
    onlyIn('socket', ['socket\\.io'], ['^src/live/']),
    onlyIn('socket-client', ['socket\\.io-client'], ['^src/sdk/']),
    onlyIn('openai', ['openai'], ['^src/agents/']),
    onlyIn('telemetry', ['@opentelemetry/[^/]+', 'prom-client'], ['^src/observability/']),
    onlyIn('markdown', ['markdown-it', '@bull-board/[^/]+'], ['^src/api/']),
    onlyIn('browser', ['preact', '@preact/[^/]+', 'uplot', 'vite'], ['^src/dashboard/']),
    onlyIn('terminal', ['commander', 'picocolors', 'cli-table3', 'cli-progress'], ['^src/cli/']),
    {
      name: 'no-circular',
      comment: 'a cycle has no order in which to be read',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-tests-in-src',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(test|bench|examples|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      comment: 'the package must run without what only its developers install; the dashboard is bundled before that',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/dashboard/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'kebab-case',
      comment: 'files are named after their main export, in kebab-case',
      severity: 'error',
      from: {},
      to: { path: '^src/.*[A-Z_]' },
    },
    {
      name: 'named-after-what-it-does',
      comment: 'these words say nothing of what a file does',
      severity: 'error',
      from: {},
      to: { path: '^src/.*\\b(managers?|helpers?|utils)\\b' },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
    },
  },
};
