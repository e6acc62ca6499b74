# shellcheck shell=bash
# What the scripts in this folder share. Sourced, never run.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  echo "$*" >&2
  exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# When root runs Rolecall, each database server runs under a uid of its own, which must be able to reach its binaries
# and its data: a checkout under /root, which nobody else may enter, is no place for either.
if is_root; then
  tools_folder=/var/lib/rolecall-tools
else
  tools_folder=$checkout/.tools
fi

demo_data() {
  if [ -n "${ROLECALL_DATA:-}" ]; then
    echo "$ROLECALL_DATA"
  elif is_root && ! setpriv --reuid=nobody --clear-groups test -x "$checkout"; then
    echo /var/lib/rolecall-demo
  else
    echo "$checkout/data"
  fi
}

# Prints every folder that contains bin/postgres: the system's, then the ones for the tests.
postgresql_folders() {
  local folder
  for folder in /usr/lib/postgresql/*/ "$tools_folder"/*/; do
    if [ -x "$folder/bin/postgres" ]; then echo "${folder%/}"; fi
  done
}
