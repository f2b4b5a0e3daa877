// What every browser has and jsdom has not.
globalThis.TextEncoder ??= require('node:util').TextEncoder;
