#!/usr/bin/env bash
# Installs the Vercel CLI that the tests of this package want to meet for real,
# into a folder of its own: the first argument, else $KEYTURN_VERCEL_CLI, else
# keyturn/vercel-cli in the user's cache folder. The tests look in the latter
# two and on PATH. Does nothing where that version is there already.
#
# Needs node (20 or later) and npm; prints the path of the program.
set -euo pipefail

version=64.0.2
folder=${1:-${KEYTURN_VERCEL_CLI:-${XDG_CACHE_HOME:-$HOME/.cache}/keyturn/vercel-cli}}
program=$folder/node_modules/.bin/vercel

mkdir -p "$folder"
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$version" ]; then
	# The CLI pins a version of sandbox that cannot be had; only the command
	# "vercel sandbox" uses it.
	cat >"$folder/package.json" <<-END
		{"private": true, "dependencies": {"vercel": "$version"}, "overrides": {"sandbox": "4.5.0"}}
	END
	npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >&2
	"$program" --version >/dev/null 2>&1 # it starts
	printf '%s\n' "$version" >"$folder/installed"
fi
printf '%s\n' "$program"
