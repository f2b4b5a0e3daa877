#!/bin/sh
# Lets an agent work in a notebook of a running Jupyter server, for cron:
#   0 3 * * *  LOBU_URL=http://localhost:8888 LOBU_TOKEN=… nightly.sh reports/sales.ipynb "Check last night's load."
# A question that it asks reaches you by a webhook (docs/webhooks.md) and waits for you, through restarts too.
set -eu
notebook=$1 prompt=$2 agent=${3:-}
base=${LOBU_URL%/}

post() { # path, JSON -> the answer
  curl -fsS -X POST -H "Authorization: token $LOBU_TOKEN" -H "Content-Type: application/json" "$base/$1" -d "$2"
}
json() { # JSON from name=value pairs, and nothing of a value is code
  python3 -c 'import json, sys; print(json.dumps(dict(a.split("=", 1) for a in sys.argv[1:] if not a.endswith("="))))' "$@"
}
get() { python3 -c 'import functools, json, sys; print(functools.reduce(dict.get, sys.argv[1:], json.load(sys.stdin)))' "$@"; }

session=$(json "path=$notebook" "name=$notebook" type=notebook | sed 's/}$/, "kernel": {"name": "python3"}}/')
kernel=$(post api/sessions "$session" | get kernel id) # the notebook's, a new one if it has none
thread=$(post lobu/api/threads "$(json "notebookPath=$notebook" "kernelId=$kernel" "name=nightly:$notebook" "title=Nightly $notebook" |
  sed 's/}$/, "reuse": true}/')" | get threadId)
# The same night again is the same run.
post "lobu/api/threads/$thread/runs" "$(json "prompt=$prompt" "agent=$agent" "kernelId=$kernel" ifRunning=queue \
  "clientRequestId=nightly:$notebook:$(date +%F)")" | get runId
