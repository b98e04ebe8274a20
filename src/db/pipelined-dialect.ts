import { PostgresDialect, PostgresDriver, type PostgresDialectConfig } from 'kysely';

/**
 * PostgreSQL for a pool whose connections pipeline (`pipeline: true`): a transaction's `begin` travels with its first
 * statement instead of costing a round trip of its own.
 */
export class PipelinedDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): PostgresDriver {
    return new PipelinedDriver(this.#config);
  }
}

class PipelinedDriver extends PostgresDriver {
  override async beginTransaction(...args: Parameters<PostgresDriver['beginTransaction']>): Promise<void> {
    // A connection that cannot begin is broken: the statement behind it fails too, and tells.
    super.beginTransaction(...args).catch(() => undefined);
  }
}
