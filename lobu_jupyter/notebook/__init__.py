"""The kernel's side: `%lobu`, `lobu.ask`, tools of the notebook. A thin client of the gateway."""
