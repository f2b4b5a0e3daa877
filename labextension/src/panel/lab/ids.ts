/** The names of the panel's commands; those with a thread take `{threadId}`, else mean the shown one. */
export const CommandIDs = {
  open: 'lobu:open',
  create: 'lobu:new-thread',
  threads: 'lobu:threads',
  inbox: 'lobu:inbox',
  permissions: 'lobu:permissions',
  rename: 'lobu:rename-thread',
  archive: 'lobu:archive-thread',
  remove: 'lobu:delete-thread',
  saveTest: 'lobu:save-test',
  stop: 'lobu:stop',
  approve: 'lobu:approve',
  reject: 'lobu:reject',
  explain: 'lobu:explain-cell',
  fix: 'lobu:fix-error',
  ask: 'lobu:ask-selection',
  inline: 'lobu:change-cell'
} as const;
