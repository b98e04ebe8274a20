import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const restricted = (selector, message) => ({ selector, message });

const onlyConfigReadsTheEnvironment = {
  object: 'process',
  property: 'env',
  message: 'src/config.ts is the only reader of the environment; take a Config.',
};

const noDoubleCast = restricted(
  'TSAsExpression > TSAsExpression > TSUnknownKeyword',
  'A double cast hides a wrong type: parse with a zod schema instead.',
);

/** A core is given the time and the chance; it never takes them. */
const pureCore = {
  'no-restricted-globals': [
    'error',
    ...['process', 'console', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'crypto'].map(
      (name) => ({ name, message: 'A core does no I/O and has no clock, chance, environment or log.' }),
    ),
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Time comes in as an argument.' },
    { object: 'Math', property: 'random', message: 'Chance comes in as an argument.' },
  ],
  'no-restricted-syntax': [
    'error',
    noDoubleCast,
    restricted('NewExpression[callee.name="Date"][arguments.length=0]', 'Time comes in as an argument.'),
  ],
};

export default defineConfig(
  { ignores: ['coverage/', 'dist/', 'node_modules/', '.swarmbid/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      // An async method that awaits nothing is how a synchronous adapter satisfies an asynchronous port.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-properties': ['error', onlyConfigReadsTheEnvironment],
      'no-restricted-syntax': ['error', noDoubleCast],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  { files: ['src/{orchestrator,agents,reputation,synthesis}/core/**/*.ts'], rules: pureCore },
  // A command line reads the terminal's variables and hands the rest to readConfig.
  { files: ['src/config.ts', 'src/{bin,cli}/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  // A migration is a list of statements in their order.
  { files: ['migrations/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['{bench,examples,scripts,test}/**/*.ts', '*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // One describe block is one function.
      'max-lines-per-function': 'off',
    },
  },
);
