import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

interface Container {
  name: string;
  env: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  resources: { requests: { cpu: string; memory: string }; limits: { memory: string } };
  securityContext: object;
}
interface Probe {
  httpGet: { path: string; port: string };
}
interface Pod {
  metadata: { labels: Record<string, string> };
  spec: { terminationGracePeriodSeconds: number; securityContext: object; containers: Container[] };
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    replicas?: number;
    selector?: { matchLabels?: Record<string, string> };
    template?: Pod;
    scaleTargetRef?: { kind: string; name: string };
    minReplicas?: number;
    metrics?: { type: string; external: { metric: { name: string } } }[];
  };
}

const folder = new URL('../../deploy/kubernetes/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
const kustomization = parse(read('kustomization.yaml')) as {
  resources: string[];
  configMapGenerator: { literals: string[] }[];
};
const manifests = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  }),
);
const ofKind = (kind: string) => manifests.filter((one) => one.kind === kind);
const ROLES = ['api', 'orchestrator', 'agents'];
const deployments = ofKind('Deployment').map((one) => [one.metadata.name, one] as const);
const literals = Object.fromEntries(
  kustomization.configMapGenerator.flatMap(({ literals: list }) =>
    list.map((one) => one.split('=') as [string, string]),
  ),
);

function podOf(manifest: Manifest): { pod: Pod; container: Container } {
  const pod = manifest.spec.template;
  const [container] = pod?.spec.containers ?? [];
  if (pod === undefined || container === undefined) throw new Error(`${manifest.metadata.name} has no container`);
  return { pod, container };
}

describe('deploy/kubernetes', () => {
  it('has a deployment for each role', () => {
    expect(deployments.map(([name]) => name)).toEqual(ROLES.map((role) => `swarmbid-${role}`));
  });

  it.each(deployments)('%s is found by its own selector, and by one disruption budget', (_name, manifest) => {
    const { labels } = podOf(manifest).pod.metadata;
    const finds = (one: Manifest) =>
      Object.entries(one.spec.selector?.matchLabels ?? { none: '' }).every(([name, value]) => labels[name] === value);
    expect(finds(manifest)).toBe(true);
    expect(ofKind('PodDisruptionBudget').filter(finds)).toHaveLength(1);
  });

  it.each(deployments)('%s is asked for its life and its readiness by the routes for these', (_name, manifest) => {
    const { startupProbe, livenessProbe, readinessProbe } = podOf(manifest).container;
    expect([startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet)).toEqual([
      { path: '/healthz', port: 'http' },
      { path: '/healthz', port: 'http' },
      { path: '/readyz', port: 'http' },
    ]);
  });

  it.each([...deployments, ...ofKind('Job').map((one) => [one.metadata.name, one] as const)])(
    '%s runs as an ordinary user that may do nothing, with what it needs stated',
    (_name, manifest) => {
      const { pod, container } = podOf(manifest);
      expect(pod.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources.requests.cpu).toMatch(/^\d+m$/);
      expect(container.resources.limits.memory).toMatch(/^\d+[MG]i$/);
    },
  );

  it.each(deployments)('%s is given longer to end than it may take', (_name, manifest) => {
    const { pod, container } = podOf(manifest);
    const drainSeconds = Number(literals['DRAIN_MS']) / 1_000;
    const preStopSeconds = container.lifecycle?.preStop.sleep.seconds ?? 0;
    expect(preStopSeconds).toBeGreaterThan(0);
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(preStopSeconds + 2 * drainSeconds + 5);
  });

  it.each(deployments)('%s has an environment that readConfig takes, with its role alone', (name, manifest) => {
    const secrets: Record<string, string> = {
      DATABASE_URL: 'postgres://h/d',
      REDIS_URL: 'redis://h',
      SWARMBID_ADMIN_KEY: 'sb_of-a-test-12345',
    };
    const own = podOf(manifest).container.env.map((one) => [one.name, one.value ?? secrets[one.name]]);
    const config = readConfig({ ...literals, ...(Object.fromEntries(own) as Record<string, string>) });
    expect(config.roles.map((role) => `swarmbid-${role}`)).toEqual([name]);
    expect(config).toMatchObject({ databaseUrl: 'postgres://h/d', redisUrl: 'redis://h', host: '0.0.0.0' });
  });

  it('takes every secret from a Secret, and the admin key to the API alone', () => {
    const holders = deployments.filter(([, one]) =>
      podOf(one).container.env.some((variable) => variable.name === 'SWARMBID_ADMIN_KEY'),
    );
    expect(holders.map(([name]) => name)).toEqual(['swarmbid-api']);
    for (const [, one] of deployments) {
      for (const { name, value } of podOf(one).container.env)
        if (/URL|KEY|SECRET/.test(name)) expect(value).toBeUndefined();
    }
  });

  it('scales the agents by a metric that the market has', async () => {
    const [scaler] = ofKind('HorizontalPodAutoscaler');
    expect(scaler?.spec.scaleTargetRef).toMatchObject({ kind: 'Deployment', name: 'swarmbid-agents' });
    const agents = deployments.find(([name]) => name === 'swarmbid-agents')?.[1];
    expect(agents?.spec.replicas).toBeUndefined();
    const metric = scaler?.spec.metrics?.[0]?.external.metric.name ?? 'none';
    expect(await createMetrics().registry.metrics()).toContain(`# TYPE ${metric} gauge`);
  });

  it('has every file of the folder in the kustomization', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
    expect(files.sort()).toEqual([...kustomization.resources].sort());
  });
});
