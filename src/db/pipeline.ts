import type { RawBuilder } from 'kysely';
import type { Database, Trx } from './database.ts';

/** A statement that somebody else carries out. */
export type Statement = RawBuilder<unknown>;

/** The rows of each statement. */
export type Answers<Statements extends readonly RawBuilder<unknown>[]> = {
  [Index in keyof Statements]: Statements[Index] extends RawBuilder<infer Row> ? Row[] : never;
};

/** The outcome of statements that are under way: to be awaited after the transaction, whatever came of that. */
export interface Sent<Statements extends readonly RawBuilder<unknown>[] = readonly Statement[]> {
  /** @throws what the first failing statement threw; the transaction is then rolled back, though it was told to commit */
  done: Promise<Answers<Statements>>;
}

/**
 * Carries out statements in their order, in one round trip. Each sees what was committed until it begins, as if it had been
 * sent alone. After a failure the later ones fail too.
 */
export async function together<const Statements extends readonly RawBuilder<unknown>[]>(
  trx: Trx,
  ...statements: Statements
): Promise<Answers<Statements>> {
  return trx.getExecutor().provideConnection(async (connection) => {
    const results = await Promise.all(statements.map((statement) => connection.executeQuery(statement.compile(trx))));
    return results.map((result) => result.rows) as Answers<Statements>;
  });
}

/**
 * Sends the last statements of a transaction and does not wait for them: the `commit` that follows travels with them.
 * PostgreSQL turns a commit after a failed statement into a rollback.
 */
export async function sendLast<const Statements extends readonly RawBuilder<unknown>[]>(
  trx: Trx,
  statements: Statements,
): Promise<Sent<Statements>> {
  return send(trx, statements);
}

/** Sends statements ahead of others that will not be answered if these fail. */
export async function sendAhead(db: Database, ...statements: readonly Statement[]): Promise<void> {
  await send(db, statements);
}

function send<const Statements extends readonly RawBuilder<unknown>[]>(
  db: Database,
  statements: Statements,
): Promise<Sent<Statements>> {
  return db.getExecutor().provideConnection((connection) => {
    const all = Promise.all(statements.map((statement) => connection.executeQuery(statement.compile(db))));
    const done = all.then((results) => results.map((result) => result.rows) as Answers<Statements>);
    // Whoever sent them awaits it later: until then a failure is not unhandled.
    done.catch(() => undefined);
    return Promise.resolve({ done });
  });
}
