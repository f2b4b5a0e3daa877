/**
 * Keeps what each test came to when it last ran, for `make scenarios`: one file, by test file and title.
 */
const fs = require('fs');
const path = require('path');

const ROOT = path.resolve(__dirname, '../..');
const KEPT = path.join(ROOT, '.outcomes', 'jest.json');

module.exports = class {
  onRunComplete(_contexts, results) {
    const kept = fs.existsSync(KEPT) ? JSON.parse(fs.readFileSync(KEPT, 'utf8')) : {};
    const at = Date.now() / 1000;
    for (const file of results.testResults) {
      const source = path.relative(ROOT, file.testFilePath);
      for (const name of Object.keys(kept)) {
        if (name.startsWith(`${source}::`)) {
          delete kept[name];
        }
      }
      for (const test of file.testResults) {
        const outcome = ['passed', 'failed'].includes(test.status) ? test.status : 'skipped';
        kept[`${source}::${test.title}`] = { outcome, at };
      }
    }
    fs.mkdirSync(path.dirname(KEPT), { recursive: true });
    fs.writeFileSync(KEPT, JSON.stringify(kept));
  }
};
