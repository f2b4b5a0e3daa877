// A language of highlight.js without colours, in place of the large ones that a chat widget can do without.
export default () => ({ name: 'plain', contains: [] });
