#!/usr/bin/env node
// Only what every Node can parse may stand here: an old one must get as far as the message below.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `swarmbid needs Node 22.18 or newer; this is ${process.version}. Install Node 24, or run it by npm in its folder: npm run swarmbid\n`,
  );
  process.exit(2);
}
process.title = 'swarmbid';
const { main } = await import('../cli/main.ts');
await main();

export {};
