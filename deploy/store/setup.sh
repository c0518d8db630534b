#!/bin/sh
# Makes the bucket and the users, as the store's root. The worker's may only read the bucket; that of requests about
# people, made where PEOPLE_SECRET_KEY is set, also deletes what enrolment has kept.
# docker-compose.yml runs this at each start, in the store's image, which has only a shell and `mc`.
# Another run changes only the user's password and the policy.
set -eu

mc --quiet alias set store http://store:9000 "$ROOT_ACCESS_KEY" "$ROOT_SECRET_KEY"
mc --quiet mb --ignore-existing store/images

add() { # NAME SECRET POLICY: a user with that policy
    mc --quiet admin policy create store "$1" "/etc/store/$3.json"
    mc --quiet admin user add store "$1" "$2"
    # Versions of `mc` before 2025 fail here if there is nothing to do.
    said="$(mc --quiet admin policy attach store "$1" --user "$1" 2>&1)" || case "$said" in
        *"already in effect"*) ;;
        *) echo "$said" >&2 && exit 1 ;;
    esac
}

if [ -n "${PEOPLE_SECRET_KEY:-}" ]; then
    add soloface-people "$PEOPLE_SECRET_KEY" people
fi
add soloface-worker "$WORKER_SECRET_KEY" worker
