#!/usr/bin/env bash
# The client lab: installs the drivers (once, under tests/.tools), builds what is missing, and runs them all. See README.md beside this file.
#   bash tests/lab/run.sh [--install] [options of lab.py]
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=tests/.tools
lab=tests/lab

say() { printf '%s\n' "lab: $*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian's packages: FreeTDS's programs, what pyodbc's and Microsoft's driver look for, OpenSSL for Microsoft's Rust driver, and a browser.
install_packages() {
    local missing=() package
    for package in chromium chromium-driver freetds-bin libnss3-tools unixodbc libgssapi-krb5-2 libssl-dev pkg-config python3-venv; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing ${missing[*]}"
    as_root apt-get update -q >"$tools/apt.log" 2>&1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$tools/apt.log" 2>&1 || { tail -20 "$tools/apt.log"; exit 1; }
}

# A step is done again when what it installs from has changed.
unless_current() {
    local stamp="$tools/$1.stamp" source=$2
    shift 2
    if ! cmp -s "$source" "$stamp"; then
        "$@"
        cp "$source" "$stamp"
    fi
}

install_python() {
    say "installing the Python drivers"
    rm -rf "$tools/venv"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$lab/requirements.txt"
}

install_tedious() {
    say "installing tedious"
    npm ci --prefix "$lab/tedious" --no-audit --no-fund --silent
}

install_workstation() {
    say "installing oauth4webapi"
    npm ci --prefix "$lab/workstation" --no-audit --no-fund --silent
}

build_rust_drivers() {
    local program
    for program in tiberius mssql-tds; do
        say "building the lab's $program program"
        cargo build --quiet --locked --manifest-path "$lab/$program/Cargo.toml" --target-dir "$tools/target"
    done
}

mkdir -p "$tools"
install_packages
unless_current python "$lab/requirements.txt" install_python
[ -d "$lab/tedious/node_modules" ] || rm -f "$tools/tedious.stamp"
unless_current tedious "$lab/tedious/package-lock.json" install_tedious
[ -d "$lab/workstation/node_modules" ] || rm -f "$tools/workstation.stamp"
unless_current workstation "$lab/workstation/package-lock.json" install_workstation
build_rust_drivers
[ "${1:-}" = --install ] && exit 0

if [[ " $* " != *" --binary "* ]]; then
    say "building gatehouse"
    cargo build --release --quiet --locked
fi
# Unless options say what is wanted: everything through the one port, over TDS 7.x and, with the drivers that speak it, over TDS 8.0;
# then what the doors could differ in through the door for SQL clients alone.
if [ $# -gt 0 ]; then
    exec "$tools/venv/bin/python" "$lab/lab.py" "$@"
fi
status=0
say "connection strings, read by the drivers' own parsers"
"$tools/venv/bin/python" "$lab/strings/check.py" || status=1
say "a workstation's way: OAuth by programs of other makers, and drivers with the strings of the config document"
"$tools/venv/bin/python" "$lab/workstation/check.py" || status=1
say "the whole way of a person: the demo, Chromium, ODBC, gatehouse connect, the disabled account"
"$tools/venv/bin/python" "$lab/workstation/whole_way.py" || status=1
"$tools/venv/bin/python" "$lab/lab.py" || status=1
strict=(--driver "ODBC 18" --driver pymssql --driver tedious --driver tiberius --driver mssql-tds)
"$tools/venv/bin/python" "$lab/lab.py" --mode strict "${strict[@]}" || status=1
"$tools/venv/bin/python" "$lab/lab.py" --door sql || status=1
"$tools/venv/bin/python" "$lab/lab.py" --door sql --mode strict "${strict[@]}" --case strict --case "simple query" --case MARS --case rows --case ended || status=1
# Programs without TLS, through gatehouse connect.
"$tools/venv/bin/python" "$lab/lab.py" --door connector --driver "ODBC 18" --driver tsql --driver pymssql --driver python-tds --driver tedious --driver tiberius || status=1
exit $status
