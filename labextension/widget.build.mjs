// The chat widget: one ES module and one style sheet, for anywidget, and the licences of what the module holds.
import { build } from 'esbuild';
import { rspack } from '@rspack/core';
import { readFile, writeFile } from 'node:fs/promises';
import { notices } from './notices.mjs';

const target = '../lobu_jupyter/notebook/static';
const { metafile } = await build({
  entryPoints: ['lib/widget/index.js'],
  outfile: `${target}/widget.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  alias: {
    'highlight.js/lib/languages/sql': './plain.language.mjs',
    'highlight.js/lib/languages/bash': './plain.language.mjs'
  },
  pure: ['console.log', 'console.error'], // of the libraries; what we say is a warning
  mangleProps: /^_[a-z]/, // our private members, and those of highlight.js; no wire has such a name
  legalComments: 'none', // notices.mjs writes them all beside it
  logLevel: 'warning',
  metafile: true
});
// A second pass, by what JupyterLab's builder minifies with: 3 kB less on the wire.
const made = await rspack.experiments.swc.minify(await readFile(`${target}/widget.js`, 'utf8'), {
  module: true,
  ecma: 2022,
  compress: { passes: 3 },
  format: { comments: false }
});
await writeFile(`${target}/widget.js`, made.code);
await build({
  entryPoints: ['style/lobu.css'],
  outfile: `${target}/widget.css`,
  minify: true,
  logLevel: 'warning'
});
const licences = JSON.stringify(await notices(metafile), null, 2);
await writeFile(`${target}/third-party-licenses.json`, `${licences}\n`);
