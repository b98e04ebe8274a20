import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Feed, type Watch } from '../../../src/live/feed.ts';
import { EventLog } from '../../support/event-log.ts';

const NET_MS = 1_000;
const silent = pino({ level: 'silent' });

let log: EventLog;
let feed: Feed;
beforeEach(() => {
  vi.useFakeTimers();
  log = new EventLog();
  feed = new Feed({ eventReader: log, hints: log, logger: silent, netMs: NET_MS });
});
afterEach(() => {
  feed.close();
  vi.useRealTimers();
});

interface Reader {
  seqs: number[];
  watch: Watch;
  /** How many more events it takes before it is full. */
  room: number;
}

function reading(taskId: string, afterSeq = 0, room = Infinity): Reader {
  const reader: Omit<Reader, 'watch'> = { seqs: [], room };
  const watch = feed.watch(taskId, afterSeq, (event) => {
    reader.seqs.push(event.seq);
    reader.room -= 1;
    return reader.room > 0;
  });
  return Object.assign(reader, { watch });
}

/** Lets everything run that does not wait for a timer. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('backfill', () => {
  test('gives what the store holds after the position, and nothing of it before `watch` has returned', async () => {
    log.append('t', 3);
    const reader = reading('t', 1);
    expect(reader.seqs).toStrictEqual([]);
    await settled();
    expect(reader.seqs).toStrictEqual([2, 3]);
  });

  test.each([199, 200, 201, 1_000])('gives %d events, whatever the size of a page', async (count) => {
    log.append('t', count);
    const reader = reading('t');
    await settled();
    expect(reader.seqs).toStrictEqual(upTo(count));
  });

  test('of a position beyond the last event waits for the event after that position', async () => {
    log.append('t', 3);
    const reader = reading('t', 5);
    log.append('t', 3);
    log.hint('t');
    await settled();
    expect(reader.seqs).toStrictEqual([6]);
  });
});

describe('cut-over (invariants 2 and 3)', () => {
  test('an event committed and hinted while the last page is being read is not lost', async () => {
    log.append('t', 2);
    log.hold();
    const reader = reading('t');
    await settled();
    log.append('t');
    log.hint('t');
    log.release();
    await settled();
    expect(reader.seqs).toStrictEqual([1, 2, 3]);
  });

  test('an event committed while the last page is being read, whose hint comes after it, is not lost', async () => {
    log.append('t', 2);
    log.hold();
    const reader = reading('t');
    await settled();
    log.append('t');
    log.release();
    await settled();
    expect(reader.seqs).toStrictEqual([1, 2]);
    log.hint('t');
    await settled();
    expect(reader.seqs).toStrictEqual([1, 2, 3]);
  });

  test('word that hints were lost while the last page is being read makes it read again', async () => {
    log.hold();
    const reader = reading('t');
    await settled();
    log.append('t');
    log.hintsWereLost();
    log.release();
    await settled();
    expect(reader.seqs).toStrictEqual([1]);
  });
});

describe('live', () => {
  test('two readers of one task, one far behind, each get every event once and in order, by one read when both are live', async () => {
    log.append('t', 450);
    const behind = reading('t');
    const ahead = reading('t', 449);
    await settled();
    const before = log.reads;
    log.append('t', 2);
    log.hint('t');
    await settled();
    expect(log.reads).toBe(before + 1);
    expect(behind.seqs).toStrictEqual(upTo(452));
    expect(ahead.seqs).toStrictEqual([450, 451, 452]);
  });

  test('a hundred tasks hinted in one wave are read in one go', async () => {
    const tasks = Array.from({ length: 100 }, (_, index) => `task${index}`);
    const readers = tasks.map((taskId) => reading(taskId));
    await settled();
    const before = log.reads;
    for (const taskId of tasks) log.append(taskId);
    log.hint(...tasks);
    await settled();
    expect(log.reads).toBe(before + 1);
    for (const reader of readers) expect(reader.seqs).toStrictEqual([1]);
  });

  test('a hint that brings the events costs no read', async () => {
    const reader = reading('t');
    await settled();
    const readsBefore = log.reads;
    log.commitHere('t', 2);
    await settled();
    expect(reader.seqs).toStrictEqual([1, 2]);
    expect(log.reads).toBe(readsBefore);
  });

  test('a hint that brings the events to a reader that lacks earlier ones makes it read', async () => {
    const reader = reading('t');
    await settled();
    log.append('t', 3);
    log.commitHere('t', 2);
    await settled();
    expect(reader.seqs).toStrictEqual(upTo(5));
  });

  test('events that a hint brings while the last page is being read are given once', async () => {
    log.append('t', 2);
    log.hold();
    const reader = reading('t');
    await settled();
    log.commitHere('t', 2);
    log.release();
    await settled();
    expect(reader.seqs).toStrictEqual(upTo(4));
  });

  test('hints of tasks that nobody watches cost no read', async () => {
    log.append('other');
    log.hint('other');
    await settled();
    expect(log.reads).toBe(0);
  });

  test('a hint told twice, or of events that were given before, repeats nothing', async () => {
    const reader = reading('t');
    log.append('t');
    log.hint('t');
    log.hint('t');
    await settled();
    log.hint('t');
    await settled();
    expect(reader.seqs).toStrictEqual([1]);
  });

  test('a reader that has stopped gets nothing more, not even of a page that is on its way', async () => {
    const reader = reading('t');
    const other = reading('t');
    await settled();
    log.append('t');
    log.hold();
    log.hint('t');
    await settled();
    reader.watch.stop();
    reader.watch.stop();
    log.release();
    await settled();
    expect(reader.seqs).toStrictEqual([]);
    expect(other.seqs).toStrictEqual([1]);
  });

  test('the last reader of a task that stops ends the reads for it', async () => {
    const reader = reading('t');
    await settled();
    reader.watch.stop();
    const before = log.reads;
    log.append('t');
    log.hint('t');
    await vi.advanceTimersByTimeAsync(20 * NET_MS);
    expect(log.reads).toBe(before);
  });
});

describe('a reader that is full', () => {
  test('gets nothing until it resumes, then everything in order, while others go on', async () => {
    const slow = reading('t', 0, 3);
    const quick = reading('t');
    log.append('t', 5);
    log.hint('t');
    await settled();
    log.append('t');
    log.hint('t');
    await settled();
    expect(slow.seqs).toStrictEqual([1, 2, 3]);
    expect(quick.seqs).toStrictEqual(upTo(6));
    slow.room = Infinity;
    slow.watch.resume();
    slow.watch.resume();
    await settled();
    expect(slow.seqs).toStrictEqual(upTo(6));
    log.append('t');
    log.hint('t');
    await settled();
    expect(slow.seqs).toStrictEqual(upTo(7));
  });

  test('and stops does not come back by resuming', async () => {
    const reader = reading('t', 0, 1);
    log.append('t', 2);
    log.hint('t');
    await settled();
    reader.watch.stop();
    reader.watch.resume();
    await settled();
    expect(reader.seqs).toStrictEqual([1]);
  });
});

describe('the net (invariant 5)', () => {
  test('finds within one period an event whose hint was lost', async () => {
    const reader = reading('t');
    await settled();
    log.append('t');
    await vi.advanceTimersByTimeAsync(NET_MS);
    expect(reader.seqs).toStrictEqual([1]);
  });

  test('looks at a quiet task at intervals that double up to sixteen periods, and sooner again after a hint', async () => {
    reading('t');
    await settled();
    const readsAfter = async (periods: number) => {
      const before = log.reads;
      await vi.advanceTimersByTimeAsync(periods * NET_MS);
      return log.reads - before;
    };
    // at ticks 1, 3, 7, 15, 31, 47, 63
    expect(await readsAfter(63)).toBe(7);
    log.hint('t');
    await settled();
    expect(await readsAfter(3)).toBe(2);
  });

  test('reads again within one period what could not be read, in backfill and live', async () => {
    log.append('t');
    log.failing = true;
    const early = reading('t');
    await settled();
    log.failing = false;
    await vi.advanceTimersByTimeAsync(NET_MS);
    expect(early.seqs).toStrictEqual([1]);
    log.failing = true;
    log.append('t');
    log.hint('t');
    await settled();
    log.failing = false;
    await vi.advanceTimersByTimeAsync(NET_MS);
    expect(early.seqs).toStrictEqual([1, 2]);
  });
});

test('close stops the hints, the net and pages on their way', async () => {
  const reader = reading('t');
  await settled();
  log.append('t');
  log.hold();
  log.hint('t');
  await settled();
  feed.close();
  log.release();
  await settled();
  expect(reader.seqs).toStrictEqual([]);
  expect(log.listeners).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('in any history of commits, lost and late hints, failures, full readers and watches, each reader gets each event once, in order', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('append' as const), task: fc.nat(1), count: fc.integer({ min: 1, max: 250 }) }),
    fc.record({ do: fc.constant('commitHere' as const), task: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('hint' as const), task: fc.nat(1), count: fc.constant(0) }),
    fc.record({ do: fc.constant('watch' as const), task: fc.nat(1), count: fc.nat(3) }),
    fc.record({
      do: fc.constantFrom('hold' as const, 'release' as const),
      task: fc.constant(0),
      count: fc.constant(0),
    }),
    fc.record({ do: fc.constantFrom('fail' as const, 'mend' as const), task: fc.constant(0), count: fc.constant(0) }),
    fc.record({ do: fc.constantFrom('resume' as const, 'net' as const), task: fc.constant(0), count: fc.nat(100) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      log = new EventLog();
      feed = new Feed({ eventReader: log, hints: log, logger: silent, netMs: NET_MS });
      const readers: { reader: Reader; afterSeq: number; taskId: string }[] = [];
      for (const { do: what, task, count } of steps) {
        const taskId = `task${task}`;
        if (what === 'append') log.append(taskId, count);
        if (what === 'commitHere') log.commitHere(taskId, count);
        if (what === 'hint') log.hint(taskId);
        if (what === 'watch') readers.push({ reader: reading(taskId, count, 1 + count * 90), afterSeq: count, taskId });
        if (what === 'hold') log.hold();
        if (what === 'release') log.release();
        if (what === 'fail') log.failing = true;
        if (what === 'mend') log.failing = false;
        if (what === 'net') await vi.advanceTimersByTimeAsync(NET_MS);
        if (what === 'resume') resumeAll(readers, count);
        await settled();
      }
      log.release();
      log.failing = false;
      resumeAll(readers, Infinity);
      await vi.advanceTimersByTimeAsync(20 * NET_MS);
      for (const { reader, afterSeq, taskId } of readers) {
        const all = log.lastSeq(taskId);
        expect(reader.seqs).toStrictEqual(all > afterSeq ? upTo(all, afterSeq + 1) : []);
      }
      feed.close();
    }),
    { numRuns: 200 },
  );
});

function resumeAll(readers: { reader: Reader }[], room: number): void {
  for (const { reader } of readers) {
    reader.room = room;
    reader.watch.resume();
  }
}
