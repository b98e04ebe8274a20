import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../../src/agents/thinking/chat.ts';
import { ModelEndpoint } from '../../../src/agents/thinking/model-endpoint.ts';
import { retryDelayMs } from '../../../src/agents/thinking/model-faults.ts';
import type { ModelSettings } from '../../../src/agents/thinking/model-settings.ts';
import { ScriptedModelServer, type ScriptedReply } from '../../../src/agents/thinking/scripted-model-server.ts';

let server: ScriptedModelServer;
beforeAll(async () => {
  server = await ScriptedModelServer.start(() => ({ text: 'unscripted' }));
});
afterAll(() => server.stop());
beforeEach(() => {
  server.requests.splice(0);
  server.modelsFault = undefined;
});

const delays: number[] = [];
const never = new AbortController().signal;

/** What it would wait is noted, and not waited. */
function endpoint(settings: Partial<ModelSettings> = {}, openMs = 10_000): ModelEndpoint {
  delays.splice(0);
  return new ModelEndpoint(
    { baseUrl: server.baseUrl, model: 'scripted', ...settings },
    {
      openMs,
      delayMs: (...fault) => {
        delays.push(retryDelayMs(...fault));
        return 0;
      },
    },
  );
}

function replies(...all: ScriptedReply[]): void {
  server.script = (_request, index) => all[Math.min(index, all.length - 1)]!;
}

const request: ChatRequest = {
  model: 'scripted',
  messages: [{ role: 'user', content: 'Hello' }],
  tools: [],
  schema: undefined,
  temperature: undefined,
  topP: undefined,
  maxTokens: undefined,
};

async function ask(one: ModelEndpoint, signal = never): Promise<string> {
  return (await one.chat(request, signal, () => undefined)).text;
}

describe('what is worth another try', () => {
  it.each<[string, ScriptedReply]>([
    ['a 500', { fault: 'status', status: 500 }],
    ['a full queue (429)', { fault: 'status', status: 429 }],
    ['a connection that breaks in the midst of an answer', { fault: 'cut', text: 'half an answer' }],
    ['a stream that ends before its end', { fault: 'unfinished', text: 'half an answer' }],
    ['garbage', { fault: 'garbage' }],
    ['an answer that holds nothing', { usage: null }],
  ])('is asked once more after %s', async (_fault, reply) => {
    replies(reply, { text: 'the whole answer' });
    expect(await ask(endpoint())).toBe('the whole answer');
    expect(server.requests).toHaveLength(2);
  });

  it('is asked once more after silence', async () => {
    replies({ fault: 'silence' }, { text: 'at last' });
    expect(await ask(endpoint({ timeoutMs: 200 }))).toBe('at last');
  });

  it('is given up after four tries, with the server and the fault named', async () => {
    replies({ fault: 'status', status: 503 });
    await expect(ask(endpoint())).rejects.toThrow(/^The model server 127\.0\.0\.1:\d+ answered 503/);
    expect(server.requests).toHaveLength(4);
  });

  it.each([400, 401, 404, 422])('is not after a %i', async (status) => {
    replies({ fault: 'status', status });
    await expect(ask(endpoint())).rejects.toThrow(`answered ${status}`);
    expect(server.requests).toHaveLength(1);
  });

  it('waits as long as Retry-After asks, and else longer each time, with jitter', async () => {
    replies({ fault: 'status', status: 429, headers: { 'retry-after': '7' } }, { text: 'now' });
    await ask(endpoint());
    expect(delays).toEqual([7_000]);
    replies({ fault: 'status', status: 500 });
    server.requests.splice(0);
    await expect(ask(endpoint())).rejects.toThrow();
    const [first = 0, second = 0, third = 0] = delays;
    expect(delays).toHaveLength(3);
    for (const [delay, longest] of [
      [first, 500],
      [second, 1_000],
      [third, 2_000],
    ] as const) {
      expect(delay).toBeGreaterThanOrEqual(longest / 2);
      expect(delay).toBeLessThanOrEqual(longest);
    }
  });

  it('reads Retry-After as a date and in milliseconds, and waits a minute at most', () => {
    const asking = (headers: Record<string, string>) =>
      retryDelayMs({ headers: new Headers(headers) }, 1, 0, Date.parse('2026-11-25T10:00:00Z'));
    expect(asking({ 'retry-after': 'Wed, 25 Nov 2026 10:00:09 GMT' })).toBe(9_000);
    expect(asking({ 'retry-after-ms': '250' })).toBe(250);
    expect(asking({ 'retry-after': '3600' })).toBe(60_000);
    expect(asking({ 'retry-after': 'soon' })).toBe(250);
  });

  it('ends at once when the attempt is aborted', async () => {
    const controller = new AbortController();
    server.script = () => {
      controller.abort(new Error('cancelled'));
      return { fault: 'silence' };
    };
    await expect(ask(endpoint(), controller.signal)).rejects.toThrow('cancelled');
    expect(server.requests).toHaveLength(1);
  });
});

describe('the circuit', () => {
  it('opens after five failures in a row: the agent is not healthy, and nothing is asked', async () => {
    replies({ fault: 'status', status: 500 });
    server.modelsFault = { status: 500 };
    const one = endpoint();
    await expect(ask(one)).rejects.toThrow();
    expect(one.healthy()).toBe(true);
    await expect(ask(one)).rejects.toThrow('has failed too often');
    expect(one.healthy()).toBe(false);
    expect(server.requests).toHaveLength(5);
    await expect(ask(one)).rejects.toThrow('has failed too often');
    expect(server.requests).toHaveLength(5);
  });

  it('closes when a look at /models finds the server well again, without any task', async () => {
    replies({ fault: 'status', status: 500 });
    server.modelsFault = { status: 500 };
    const one = endpoint({}, 1);
    await expect(ask(one)).rejects.toThrow();
    await expect(ask(one)).rejects.toThrow();
    server.modelsFault = undefined;
    await expect.poll(() => one.healthy()).toBe(true);
  });

  it('does not open for requests that are at fault themselves, nor for a full queue', async () => {
    replies({ fault: 'status', status: 400 });
    const one = endpoint();
    for (let i = 0; i < 6; i += 1) await expect(ask(one)).rejects.toThrow();
    replies({ fault: 'status', status: 429 });
    for (let i = 0; i < 2; i += 1) await expect(ask(one)).rejects.toThrow();
    expect(one.healthy()).toBe(true);
  });

  it('opens for a key that is refused', async () => {
    replies({ fault: 'status', status: 401 });
    server.modelsFault = { status: 401 };
    const one = endpoint();
    for (let i = 0; i < 5; i += 1) await expect(ask(one)).rejects.toThrow();
    expect(one.healthy()).toBe(false);
  });
});

describe('limits', () => {
  it('let no more requests through at once than agreed', async () => {
    let open = 0;
    let most = 0;
    server.script = async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open -= 1;
      return { text: 'done' };
    };
    const one = endpoint({ limits: { concurrency: 2 } });
    await Promise.all(Array.from({ length: 6 }, () => ask(one)));
    expect(most).toBe(2);
    expect(server.requests).toHaveLength(6);
  });

  it('hold back what is over the requests of a minute', async () => {
    replies({ text: 'done' });
    const one = endpoint({ limits: { requestsPerMinute: 2 } });
    const controller = new AbortController();
    const all = Array.from({ length: 3 }, () => ask(one, controller.signal));
    await Promise.all(all.slice(0, 2));
    expect(server.requests).toHaveLength(2);
    controller.abort(new Error('not waited for'));
    await expect(all[2]).rejects.toThrow('not waited for');
    expect(server.requests).toHaveLength(2);
  });
});

describe('prices', () => {
  it('are those of the table for a vendor’s model, and none for a local one', () => {
    const vendor = new ModelEndpoint({ apiKey: 'none', model: 'gpt-4o-mini' });
    expect(vendor.pricing('gpt-4o-mini').cost({ inputTokens: 1_000_000, outputTokens: 0 })).toBeGreaterThan(0);
    expect(vendor.pricing('no-such-model').price).toBeNull();
    expect(endpoint().pricing('gpt-4o-mini')).toMatchObject({ price: null });
  });
});
