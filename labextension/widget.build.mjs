// The chat widget: one ES module and one style sheet, for anywidget, and the licences of what the module holds.
import { build } from 'esbuild';
import { copyFile, writeFile } from 'node:fs/promises';
import { notices } from './notices.mjs';

const target = '../lobu_jupyter/notebook/static';
const { metafile } = await build({
  entryPoints: ['lib/widget/index.js'],
  outfile: `${target}/widget.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  logLevel: 'warning',
  metafile: true
});
await copyFile('style/lobu.css', `${target}/widget.css`);
const licences = JSON.stringify(await notices(metafile), null, 2);
await writeFile(`${target}/third-party-licenses.json`, `${licences}\n`);
