# What the cluster scripts share. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() { # message [hint]
  echo "error: $1" >&2
  [ $# -gt 1 ] && echo "hint: $2" >&2
  exit 1
}

# Options that every script knows; fills dir and leaves the rest in rest[].
dir="$root/.apus"
rest=()
parse_dir() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --dir) [ $# -gt 1 ] || die "--dir needs a directory"; dir=$(realpath -m "$2"); shift 2 ;;
      --dir=*) dir=$(realpath -m "${1#--dir=}"); shift ;;
      *) rest+=("$1"); shift ;;
    esac
  done
}

# The cluster's own description, written by cluster/start: nodes, sql_port, cluster.
load_cluster() {
  [ -f "$dir/cluster.conf" ] || die "there is no cluster in $dir" "cluster/start makes one"
  # shellcheck disable=SC1091
  . "$dir/cluster.conf"
}

apus_binary() { echo "${APUS_BINARY:-$root/.build/release/apus}"; }

sql_port_of() { echo $((sql_port + $1 - 1)); }
rpc_port_of() { echo $((sql_port + 2000 + $1 - 1)); }
http_port_of() { echo $((sql_port + 3000 + $1 - 1)); }

# The process id of a node if it runs, else nothing. A pid file of a dead process counts for nothing, nor does one whose
# number another program has now.
pid_of() {
  local file="$dir/node$1/apus.pid" pid
  [ -f "$file" ] || return 0
  pid=$(cat "$file" 2>/dev/null) || return 0
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 0
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "node$1/apus.yaml" && echo "$pid"
  return 0
}

start_node() { # number
  local number=$1 home="$dir/node$1" pid
  pid=$(pid_of "$number")
  [ -n "$pid" ] && return 0
  mkdir -p "$home"
  # A session of its own: the nodes outlive the terminal.
  setsid "$(apus_binary)" start --config "$home/apus.yaml" >>"$home/apus.log" 2>&1 </dev/null &
  pid=$!
  echo $pid >"$home/apus.pid"
  # Until it has become the program it is this script still, which pid_of does not know.
  while runs $pid && [ -z "$(pid_of "$number")" ]; do sleep 0.01; done
}

# Waits until a node answers SQL; fails when its process has ended or the time is over.
wait_ready() { # number seconds
  local number=$1 deadline=$((SECONDS + $2)) url
  url="http://127.0.0.1:$(http_port_of "$1")/readyz"
  while ! curl -fsS -m 2 -o /dev/null "$url" 2>/dev/null; do
    if [ -z "$(pid_of "$number")" ]; then
      echo "error: node $number ended; the end of $dir/node$number/apus.log:" >&2
      tail -5 "$dir/node$number/apus.log" >&2
      return 1
    fi
    if [ $SECONDS -ge $deadline ]; then
      echo "error: node $number is not ready after $2 s: $(curl -s -m 2 "$url" | tr '\n' ' ')" >&2
      echo "hint: see $dir/node$number/apus.log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# Whether a process still runs; one that ended and was not collected by its parent does not.
runs() { # pid
  local state
  state=$(sed 's/^.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 1
  [ -n "$state" ] && [ "$state" != Z ]
}

# Ends a node: TERM, and KILL if it does not follow within the seconds given.
stop_node() { # number seconds
  local pid deadline=$((SECONDS + $2))
  pid=$(pid_of "$1")
  if [ -n "$pid" ]; then
    kill -TERM "$pid" 2>/dev/null || true
    while runs "$pid" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
    if runs "$pid"; then
      echo "node $1 did not stop within $2 s and is killed (what it acknowledged is safe)" >&2
      kill -KILL "$pid" 2>/dev/null || true
      while runs "$pid"; do sleep 0.02; done
    fi
  fi
  rm -f "$dir/node$1/apus.pid"
}
