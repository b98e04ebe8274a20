/**
 * Reads what a PostgreSQL client sends, to know when a commit goes up and what it commits. Statements may be pipelined and
 * sent by name.
 */

/** The transactions that are told apart: submission, award, settlement of a delivery, end of a synthesis. */
export const COMMITS = ['submit', 'award', 'settle', 'synthesis'] as const;
export type Commit = (typeof COMMITS)[number];

const MAX_TEXT = 512 * 1024;

export class PostgresFrontend {
  #rest: Buffer = Buffer.alloc(0);
  #started = false;
  readonly #statements = new Map<string, string>();
  #transaction = '';

  /** The commits in this piece of the stream that are known by their content, in order. */
  read(chunk: Buffer): Commit[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const commits: Commit[] = [];
    for (let message = this.#next(); message !== undefined; message = this.#next()) {
      const commit = this.#take(message);
      if (commit !== undefined) commits.push(commit);
    }
    return commits;
  }

  /** The start-up message has no type byte. */
  #next(): { type: string; body: Buffer } | undefined {
    const head = this.#started ? 1 : 0;
    if (this.#rest.length < head + 4) return undefined;
    const end = head + this.#rest.readUInt32BE(head);
    if (this.#rest.length < end) return undefined;
    const message = {
      type: this.#started ? String.fromCharCode(this.#rest[0] ?? 0) : '',
      body: this.#rest.subarray(head + 4, end),
    };
    this.#rest = this.#rest.subarray(end);
    this.#started = true;
    return message;
  }

  #take({ type, body }: { type: string; body: Buffer }): Commit | undefined {
    if (type === 'Q') return this.#run(cString(body, 0), '');
    if (type === 'P') {
      const name = cString(body, 0);
      this.#statements.set(name, cString(body, Buffer.byteLength(name) + 1));
    }
    if (type !== 'B') return undefined;
    const portal = cString(body, 0);
    const name = cString(body, Buffer.byteLength(portal) + 1);
    return this.#run(this.#statements.get(name) ?? '', body.toString('latin1'));
  }

  #run(text: string, parameters: string): Commit | undefined {
    if (text === 'begin') this.#transaction = '';
    else if (text === 'commit') return kindOf(this.#transaction);
    else if (text.includes('insert into idempotency')) return 'submit';
    else if (this.#transaction.length < MAX_TEXT) this.#transaction += parameters;
    return undefined;
  }
}

function kindOf(transaction: string): Commit | undefined {
  if (transaction.includes('"type":"task.awarded"')) return 'award';
  if (transaction.includes('"type":"subtask.accepted"') || transaction.includes('"type":"subtask.failed"'))
    return 'settle';
  return transaction.includes('"type":"task.completed"') ? 'synthesis' : undefined;
}

function cString(buffer: Buffer, from: number): string {
  return buffer.toString('utf8', from, buffer.indexOf(0, from));
}
