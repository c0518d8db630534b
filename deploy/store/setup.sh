#!/bin/sh
# Makes the bucket and the worker's user, as the store's root. The user may only read the bucket.
# docker-compose.yml runs this at each start, in the store's image, which has only a shell and `mc`.
# Another run changes only the user's password and the policy.
set -eu

mc --quiet alias set store http://store:9000 "$ROOT_ACCESS_KEY" "$ROOT_SECRET_KEY"
mc --quiet mb --ignore-existing store/images
mc --quiet admin policy create store soloface-worker /etc/store/worker.json
mc --quiet admin user add store soloface-worker "$WORKER_SECRET_KEY"
# Versions of `mc` before 2025 fail here if there is nothing to do.
said="$(mc --quiet admin policy attach store soloface-worker --user soloface-worker 2>&1)" || case "$said" in
    *"already in effect"*) ;;
    *) echo "$said" >&2 && exit 1 ;;
esac
