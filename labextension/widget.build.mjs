// The chat widget: one ES module and one style sheet, for anywidget.
import { build } from 'esbuild';
import { copyFile } from 'node:fs/promises';

const target = '../lobu_jupyter/notebook/static';
await build({
  entryPoints: ['lib/widget/index.js'],
  outfile: `${target}/widget.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  logLevel: 'warning'
});
await copyFile('style/lobu.css', `${target}/widget.css`);
