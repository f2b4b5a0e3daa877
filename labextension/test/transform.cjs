// Jest runs CommonJS: esbuild, which also bundles the widget, translates.
const { transformSync } = require('esbuild');

const LOADERS = { '.ts': 'ts', '.tsx': 'tsx' };

module.exports = {
  process(source, path) {
    const loader = LOADERS[/\.\w+$/.exec(path)[0]] ?? 'js';
    return transformSync(source, {
      loader,
      format: 'cjs',
      target: 'node20',
      supported: { 'dynamic-import': false },
      jsx: 'automatic',
      jsxImportSource: 'preact',
      sourcemap: 'inline',
      sourcefile: path
    });
  }
};
