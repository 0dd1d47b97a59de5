# Sourced by the other scripts: where things are, saying what is done, installing what is missing.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
cd "$root"
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1
export HOME=${HOME:-/root}
case :$PATH: in *:/usr/sbin:*) ;; *) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin ;; esac

say() { echo "eunomia: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# as_root COMMAND...: run it as root, through sudo where that is needed and there.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "$1 needs root (run this as root: there is no sudo)"
    fi
}

# Print those of the packages that are not installed.
missing() {
    local package
    for package in "$@"; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *" installed") ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# need WHY PACKAGE...: install the Debian packages that are missing, and say so.
need() {
    local why=$1 wanted
    shift
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null || die "missing for $why: $wanted(no apt-get here; install what these packages have, and run this again)"
    warn_system
    say "install for $why: $wanted(apt-get)"
    as_root apt-get -qq -o Acquire::Retries=3 update >/dev/null || die "apt-get update failed (see above)"
    # shellcheck disable=SC2086
    as_root apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install -y --no-install-recommends $wanted </dev/null >/dev/null ||
        die "apt-get install $wanted failed (see above)"
}

warned=
warn_system() {
    [ -z "$warned" ] || return 0
    warned=1
    # shellcheck disable=SC1091
    case $(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") in
    "debian 12") ;;
    *) say "note: this is made for Debian 12; other apt systems are best effort" ;;
    esac
}

# is_python COMMAND: it is CPython 3.11 or newer, not free-threaded, and can make virtual environments.
is_python() {
    "$1" -c 'import sys, sysconfig, ensurepip, venv
sys.exit(sys.version_info < (3, 11) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))' >/dev/null 2>&1
}
has_headers() { "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' >/dev/null 2>&1; }

# Set python to an interpreter that can build us: $PYTHON, one on the way that has all it takes, or Debian's, installed.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if is_python "$candidate" && has_headers "$candidate"; then
            python=$(command -v "$candidate")
            return
        fi
        [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON is no CPython 3.11 or newer with ensurepip, venv and Python.h"
    done
    if [ -x /usr/bin/python3 ] && ! /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        die "this system's Python is $(/usr/bin/python3 -V 2>&1 | cut -d' ' -f2), and 3.11 is needed (install a newer one beside it and set PYTHON to it)"
    fi
    need "the virtual environment" python3 python3-venv libpython3-dev
    python=/usr/bin/python3
    is_python $python && has_headers $python || die "$python cannot make a virtual environment: python3 3.11, python3-venv, libpython3-dev"
}

# Make .venv where it is missing or was made for a checkout elsewhere.
make_venv() {
    [ ! -L "$venv" ] || die ".venv is a link to $(readlink "$venv"), which making it anew would empty (run this in that checkout, or remove the link)"
    if ! { "$venv/bin/python" -c 'import encodings' && grep -qF "$venv" "$venv/bin/pip"; } 2>/dev/null; then
        find_python
        say "make the virtual environment .venv with $python ($("$python" -V 2>&1))"
        "$python" -m venv --clear "$venv" || die "$python -m venv failed (see above)"
    elif ! has_headers "$venv/bin/python"; then
        need "compiling the extension" libpython3-dev
    fi
    if [ ! -e "$venv/.lean" ]; then
        # A current pip writes start scripts without `import re`; setuptools' .pth file costs every start some milliseconds.
        pip install --upgrade pip
        "$venv/bin/python" -m pip uninstall -q -y setuptools 2>/dev/null || true
        touch "$venv/.lean"
    fi
}

pip() { "$venv/bin/python" -m pip --no-input -q "$@" </dev/null || die "pip $* failed (see above)"; }

# once NAME FILE... -- COMMAND...: run the command unless it has been run with these contents of the files in this .venv.
once() {
    local stamp=$venv/.$1 files=() sum
    shift
    while [ "$1" != -- ]; do
        files+=("$1")
        shift
    done
    shift
    sum=$(cat "${files[@]}" | cksum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return
    "$@"
    echo "$sum" >"$stamp"
}
