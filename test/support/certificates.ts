import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCertificates {
  /** Of the CA that signed `certFile`, and of one that signed nothing. */
  caFile: string;
  strangerFile: string;
  /** For 127.0.0.1 alone. */
  certFile: string;
  keyFile: string;
}

/** Made in `directory` by `openssl`. */
export async function makeCertificates(directory: string): Promise<TestCertificates> {
  const at = (name: string) => path.join(directory, name);
  const ca = async (name: string) => {
    const names = ['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign'];
    await openssl('req', '-x509', '-days', '2', ...newKey(at(`${name}.key`)), ...names, '-out', at(`${name}.pem`));
    return at(`${name}.pem`);
  };
  const [caFile, strangerFile] = await Promise.all([ca('ca'), ca('stranger')]);
  const [certFile, keyFile] = [at('server.pem'), at('server.key')];
  await openssl('req', '-new', ...newKey(keyFile), '-subj', '/CN=server', '-out', at('server.csr'));
  await writeFile(at('names'), 'subjectAltName=IP:127.0.0.1\n');
  const signer = ['-CA', caFile, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('names')];
  await openssl('x509', '-req', '-in', at('server.csr'), ...signer, '-out', certFile);
  return { caFile, strangerFile, certFile, keyFile };
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args);
}
