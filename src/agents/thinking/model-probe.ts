/** What a model server says when it is asked what it has: for people who set one up. */
export interface ModelProbe {
  url: string;
  /** Null: it did not answer so. */
  models: string[] | null;
  fault: string | null;
}

const PROBE_MS = 5_000;
const SHOWN = 200;

/** OpenAI's list of models, `<base>/models`. Never rejects. */
export function probeModels({
  baseUrl,
  apiKey,
}: {
  baseUrl: string;
  apiKey?: string | undefined;
}): Promise<ModelProbe> {
  return probe(`${baseUrl.replace(/\/+$/, '')}/models`, apiKey, (body) => namesIn(body, 'data', 'id'));
}

/** Ollama's own list, `/api/tags` beside `/v1`: also what is pulled but was never loaded. Never rejects. */
export function probeOllama({ baseUrl }: { baseUrl: string }): Promise<ModelProbe> {
  return probe(new URL('/api/tags', baseUrl).href, undefined, (body) => namesIn(body, 'models', 'name'));
}

async function probe(
  url: string,
  apiKey: string | undefined,
  read: (body: unknown) => string[] | null,
): Promise<ModelProbe> {
  try {
    const response = await fetch(url, {
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(PROBE_MS),
    });
    if (!response.ok) return { url, models: null, fault: `answered ${response.status}` };
    const models = read(await response.json());
    return { url, models, fault: models === null ? 'answered something else than a list of models' : null };
  } catch (error) {
    return { url, models: null, fault: causeOf(error) };
  }
}

function namesIn(body: unknown, list: string, name: string): string[] | null {
  const entries = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[list] : undefined;
  if (!Array.isArray(entries)) return null;
  return entries
    .map((entry: unknown) => (entry as Record<string, unknown> | null)?.[name])
    .filter((one) => typeof one === 'string')
    .slice(0, SHOWN);
}

/** `fetch failed` says nothing; its cause does. */
function causeOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  return cause?.code ?? (cause?.message === undefined || cause.message === '' ? (message ?? 'failed') : cause.message);
}
