#!/bin/sh
# Run a command inside a D-Bus session of its own, with a Secret Service in a
# given state:
#
#   secret-service.sh STATE COMMAND [ARGUMENT...]
#
#   unlocked     gnome-keyring with an unlocked login collection
#   locked       the same, locked afterwards
#   empty        a Secret Service that has no collection
#   no-provider  a bus on which nobody offers a Secret Service
#
# Everything lives in a temporary folder, which goes away at the end; the
# user's own keyring is not touched. Exit status: the command's own, or 97 when
# the session did not come up.
#
# Debian and Ubuntu: apt-get install dbus gnome-keyring libsecret-tools
set -eu

secrets=org.freedesktop.secrets
login=/org/freedesktop/secrets/collection/login

fail() {
	echo "secret-service.sh: $*" >&2
	exit 97
}

bus() { # bus DESTINATION PATH METHOD [ARGUMENT...]
	to=$1
	shift
	dbus-send --session --print-reply=literal --reply-timeout=5000 --dest="$to" "$@"
}

owned() {
	bus org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.NameHasOwner "string:$secrets" 2>/dev/null |
		grep -q true
}

login_locked() { # login_locked true|false
	bus "$secrets" "$login" org.freedesktop.DBus.Properties.Get \
		string:org.freedesktop.Secret.Collection string:Locked 2>/dev/null |
		grep -q "boolean $1"
}

await() { # await CONDITION...: at most ten seconds
	tries=200
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "waited in vain for: $*"
		sleep 0.05
	done
}

# The daemon returns before it owns its name, and returns 0 even for a wrong
# password: hence the waiting. Every byte up to the end of the input is the
# password, so there must be no newline.
start_unlocked() {
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' |
		gnome-keyring-daemon --unlock --components=secrets >/dev/null ||
		fail "gnome-keyring-daemon did not start"
	await owned
	await login_locked false
}

lock_login() {
	bus "$secrets" /org/freedesktop/secrets org.freedesktop.Secret.Service.Lock \
		"array:objpath:$login" >/dev/null
	await login_locked true
}

inside() {
	case $1 in
	unlocked) start_unlocked ;;
	locked)
		start_unlocked
		lock_login
		;;
	empty)
		gnome-keyring-daemon --start --components=secrets >/dev/null || fail "gnome-keyring-daemon did not start"
		await owned
		;;
	no-provider) ;;
	*) fail "unknown state $1" ;;
	esac
	shift
	exec "$@"
}

if [ "${1:-}" = --inside ]; then
	shift
	inside "$@"
fi

[ "$#" -ge 2 ] || fail "usage: $0 STATE COMMAND [ARGUMENT...]"

folder=$(mktemp -d "${TMPDIR:-/tmp}/keyturn-keyring.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 97' HUP INT TERM
mkdir -m 700 "$folder/data" "$folder/data/keyrings" "$folder/run"

# Without a display a prompt fails at once instead of waiting for a person.
# The runtime folder holds the daemon's control socket.
unset DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS GNOME_KEYRING_CONTROL SSH_AUTH_SOCK
export XDG_DATA_HOME="$folder/data" XDG_RUNTIME_DIR="$folder/run"

# A bus of this configuration knows no services to activate.
cat >"$folder/bus.conf" <<CONF
<busconfig>
  <type>session</type>
  <listen>unix:dir=$folder/run</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
CONF

status=0
dbus-run-session --config-file="$folder/bus.conf" -- "$0" --inside "$@" || status=$?
exit "$status"
