module.exports = {
  reporters: ['default', '<rootDir>/test/outcomes.cjs'],
  testEnvironment: 'jsdom',
  setupFiles: ['<rootDir>/test/setup.cjs'],
  setupFilesAfterEnv: ['<rootDir>/test/hand.cjs'],
  testMatch: ['<rootDir>/test/**/*.test.{ts,tsx}'],
  transform: { '\\.[cm]?[jt]sx?$': '<rootDir>/test/transform.cjs' },
  // Libraries that come as ES modules only.
  transformIgnorePatterns: [
    '/node_modules/(?!(marked|preact|dompurify|highlight\\.js|@jupyter/ydoc|yjs|lib0|y-protocols)/)'
  ]
};
