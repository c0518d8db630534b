#!/bin/sh
# Makes the bucket and the worker's user, who may read it and nothing else, as the store's root. Run
# by docker-compose.yml at each start, in the store's image, which has no more than a shell and `mc`.
# Running it again changes nothing but the user's password and the policy.
set -eu

mc --quiet alias set store http://store:9000 "$ROOT_ACCESS_KEY" "$ROOT_SECRET_KEY"
mc --quiet mb --ignore-existing store/images
mc --quiet admin policy create store soloface-worker /etc/store/worker.json
mc --quiet admin user add store soloface-worker "$WORKER_SECRET_KEY"
# Until the end of 2024 `mc` called it an error if nothing was left to do.
said="$(mc --quiet admin policy attach store soloface-worker --user soloface-worker 2>&1)" || case "$said" in
    *"already in effect"*) ;;
    *) echo "$said" >&2 && exit 1 ;;
esac
