/**
 * Fuzzes a market's outside: REST by each route's schema, bytes on its port, events and frames on its live feed. What must
 * hold of every case: an answer that is no 5xx; nothing of Bob's in what is said to others; and of all of them together: the
 * process lives, still answers, and has logged no key and nothing of a task's content.
 */
import fc from 'fast-check';
import { startFuzzedMarket, type FuzzedMarket } from './fuzzed-market.ts';
import { byteCases, restCases, send, sendBytes, type OpenApi, type RestCase } from './rest-cases.ts';
import { eventCases, frameCases, FuzzedSocket, sendFrames } from './socket-cases.ts';

export interface FuzzReport {
  seed: number;
  cases: number;
  /** REST answers by status. */
  byStatus: Record<string, number>;
  /** One sentence for each kind of case that failed, with the seed and path that repeat it. */
  failures: string[];
}

/** On a machine that has other things to do, too. */
const PATIENCE_MS = 30_000;

/** Of the cases; events and frames take the rest. */
const SHARES = { rest: 0.7, bytes: 0.1, events: 0.15 };

export async function fuzz(options: {
  databaseUrl: string;
  redisUrl: string;
  seed: number;
  cases: number;
}): Promise<FuzzReport> {
  const { seed, cases } = options;
  const market = await startFuzzedMarket(options.databaseUrl, options.redisUrl);
  const byStatus: Record<string, number> = {};
  const socket = new FuzzedSocket(market);
  try {
    const document = (await (await fetch(`${market.url}/openapi.json`)).json()) as OpenApi;
    const [rest, bytes, events] = [SHARES.rest, SHARES.bytes, SHARES.events].map((share) => Math.floor(share * cases));
    const runs = [
      check('REST', seed, rest, restCases(document, market), (one) => expectRest(market, one, byStatus)),
      check('bytes', seed, bytes, byteCases(market), (one) => expectBytes(market, one)),
      check('events', seed, events, eventCases(market), async (one) => {
        await socket.send(one);
        expectNothingOfBobs(market, socket.heard);
        socket.heard = '';
      }),
      check('frames', seed, cases - (rest ?? 0) - (bytes ?? 0) - (events ?? 0), frameCases(market), async (one) => {
        expectNothingOfBobs(market, await inTime(sendFrames(market, one)));
      }),
    ];
    const failures = (await Promise.all(runs)).filter((failure) => failure !== null);
    return { seed, cases, byStatus, failures: [...failures, ...(await faultsAtTheEnd(market))] };
  } finally {
    socket.close();
    await market.stop();
  }
}

async function check<Case>(
  kind: string,
  seed: number,
  numRuns: number | undefined,
  cases: fc.Arbitrary<Case>,
  hold: (one: Case) => Promise<void>,
): Promise<string | null> {
  const details = await fc.check(fc.asyncProperty(cases, hold), { seed, numRuns: numRuns ?? 0 });
  if (!details.failed) return null;
  const reason = details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance);
  const counterexample = fc.stringify(details.counterexample).slice(0, 2_000);
  return `${kind}: ${reason}; seed ${details.seed}, path ${details.counterexamplePath ?? ''}: ${counterexample}`;
}

async function expectRest(market: FuzzedMarket, one: RestCase, byStatus: Record<string, number>): Promise<void> {
  const answer = await inTime(send(market, one));
  byStatus[answer.status] = (byStatus[answer.status] ?? 0) + 1;
  if (answer.status >= 500) throw new Error(`answered ${answer.status}: ${answer.text.slice(0, 500)}`);
  if (one.caller === 'admin') return;
  if (one.caller !== 'ada' && answer.status < 400 && one.path.startsWith('/v1'))
    throw new Error('let in without a key');
  expectNothingOfBobs(market, answer.text);
  // an id that was sent may be named in the refusal
  const told = market.ids.bobs.filter((id) => !`${one.path}${one.query}${one.body ?? ''}`.includes(id));
  if (told.some((id) => answer.text.includes(id))) throw new Error('an id of a foreign task was told');
}

async function expectBytes(market: FuzzedMarket, bytes: Uint8Array): Promise<void> {
  const heard = await inTime(sendBytes(market, bytes));
  const status = /^HTTP\/1\.[01] (\d{3})/m.exec(heard)?.[1] ?? '400';
  if (Number(status) >= 500) throw new Error(`answered ${status}: ${heard.slice(0, 500)}`);
  expectNothingOfBobs(market, heard);
}

function expectNothingOfBobs(market: FuzzedMarket, text: string): void {
  if (market.secrets.some((secret) => text.includes(secret))) throw new Error('something of another owner was told');
}

async function faultsAtTheEnd(market: FuzzedMarket): Promise<string[]> {
  const alive =
    market.exitCode() === null &&
    (await fetch(`${market.url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    ));
  const leaked = market.leakedToLog();
  return [
    ...(alive ? [] : [`the process does not answer any more (exit code ${String(market.exitCode())})`]),
    ...(leaked.length === 0 ? [] : [`the log holds ${leaked.length} of the secrets`]),
  ];
}

async function inTime<Value>(value: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 30 s')), PATIENCE_MS);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
