// Each event of jsdom is a script's own. Here they stand for a person's; deciding.test.tsx takes this back.
jest.mock('../src/core/hand', () => ({ isByHand: jest.fn(() => true) }));
