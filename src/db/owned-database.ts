import { sql, type RawBuilder } from 'kysely';
import type { Principal } from '../contracts/access.ts';
import type { Database, Trx } from './database.ts';
import { sendAhead, sendLast, type Sent, type Statement } from './pipeline.ts';

export type Reader = Pick<Principal, 'role' | 'ownerId'>;

/**
 * The API's way to the rows of owners. Row-level security shows a transaction those of the owner that it names, and none
 * without a name: a query that forgets its filter finds nothing of anybody else's. An admin sees all. What names the
 * owner and what begins and ends a transaction travel with its statements, so that none of this costs a round trip.
 */
export class OwnedDatabase {
  readonly #owned: Database;
  /** For what is the same whoever asks. */
  readonly everyOwner: Database;

  /**
   * @param owned of the role `api`
   * @param everyOwner of the role `api for all owners`
   */
  constructor(owned: Database, everyOwner: Database) {
    this.#owned = owned;
    this.everyOwner = everyOwner;
  }

  /** Reads as `who`. */
  async read<Answer>(who: Reader, work: (db: Database) => Promise<Answer>): Promise<Answer> {
    if (who.role === 'admin') return work(this.everyOwner);
    return this.#owned.connection().execute(async (connection) => {
      await sendAhead(connection, sql`begin read only`, naming(who.ownerId));
      try {
        return await work(connection);
      } finally {
        // nobody waits for the end of what only read; the connection's next user is served behind it
        await sendAhead(connection, sql`commit`);
      }
    });
  }

  /** One transaction as `who`. */
  async write<Answer>(who: Reader, work: (trx: Trx) => Promise<Answer>): Promise<Answer> {
    if (who.role === 'admin') return this.everyOwner.transaction().execute(work);
    return this.#owned.transaction().execute(async (trx) => {
      await sendAhead(trx, naming(who.ownerId));
      return work(trx);
    });
  }

  /** Carries out statements, each as its owner, in one transaction and one round trip. */
  async writeEach<Row>(statements: readonly { ownerId: string; statement: RawBuilder<Row> }[]): Promise<Row[]> {
    const sent: Sent[] = [];
    await this.#owned
      .transaction()
      .execute(async (trx) => {
        const all = statements.flatMap(({ ownerId, statement }): Statement[] => [naming(ownerId), statement]);
        sent.push(await sendLast(trx, all));
      })
      // What failed says more than the commit that became a rollback.
      .finally(() => sent[0]?.done);
    const answers = (await sent[0]?.done) ?? [];
    return answers.filter((_rows, index) => index % 2 === 1).flat() as Row[];
  }
}

/** To the end of the transaction. */
const naming = (ownerId: string): Statement => sql`select set_config('swarmbid.owner', ${ownerId}, true)`;
