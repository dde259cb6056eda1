#!/usr/bin/env bash
# Runs everything that there is to check, on a machine with Rust, Python 3 and Node; installs the rest from the package registries.
#
#   bash tests/run.sh              everything
#   bash tests/run.sh clippy test  only these sections
#
# Sections, in order: format clippy windows docs test fuzz release lab. A section that fails does not keep the next one from running.
# The last line counts: "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

tools=tests/.tools
logs=$tools/logs
# How long each fuzz target looks for something new, after its kept corpus was replayed.
fuzz_seconds=${FUZZ_SECONDS:-10}

export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never

passed=0
failed=0
summary=()

main() {
    local sections=(format clippy windows docs test fuzz release lab)
    [ $# -gt 0 ] && sections=("$@")
    mkdir -p "$logs"
    section packages install_packages
    passed=0 # what was installed is not something that was checked
    local name
    for name in "${sections[@]}"; do
        case $name in
            format) section format cargo fmt --all --check ;;
            clippy) section clippy cargo clippy --locked --all-targets -- -D warnings ;;
            windows) section windows windows ;;
            docs) section docs env RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps ;;
            test) section test cargo test --locked --no-fail-fast ;;
            fuzz) section fuzz fuzz ;;
            release) section release cargo build --locked --release ;;
            lab) section lab bash tests/lab/run.sh ;;
            *) echo "no such section: $name" >&2; exit 2 ;;
        esac
    done
    report
}

# Runs a command as a section: its output shown and kept, its time taken, what it counted added up.
section() {
    local name=$1 log=$logs/$1.log begun=$SECONDS outcome=ok status=0
    shift
    printf '\n=== %s\n' "$name"
    "$@" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    local good bad
    good=$(counted "$log" passed)
    bad=$(counted "$log" failed)
    # A section that counts nothing is one case; one that failed without counting a failure has one more.
    if [ "$status" -ne 0 ]; then
        outcome=FAILED
        [ "$bad" -gt 0 ] || bad=1
    elif grep -q '^not run: ' "$log"; then
        outcome='not run'
    elif [ "$good" -eq 0 ]; then
        good=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    summary+=("$(printf '%-9s %-7s %4d passed %4d failed %5ds' "$name" "$outcome" "$good" "$bad" $((SECONDS - begun)))")
}

# Adds up "N passed" or "N failed" in the lines that cargo test and the lab close with.
counted() {
    grep -E '^(test result: |[0-9]+ passed, [0-9]+ failed$)' "$1" | grep -oE "[0-9]+ $2" | awk '{ sum += $1 } END { print sum + 0 }'
}

report() {
    printf '\n=== summary (%d minutes)\n' $(((SECONDS + 59) / 60))
    printf '%s\n' "${summary[@]}"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}

# Debian's packages that the tests themselves use; the lab installs its own.
install_packages() {
    local missing=() package
    for package in ca-certificates chromium chromium-driver curl dbus-daemon gcc gnome-keyring libc6-dev libnss3-tools openssl pebble python3-aiosmtpd sslscan strace testssl.sh; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "nothing is missing"
        return 0
    fi
    echo "installing ${missing[*]}"
    as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Windows' own parts have to compile, too. Nothing is run: what is started there is tried by hand, under Wine.
windows() {
    local target=x86_64-pc-windows-gnu
    if ! rustup target add "$target" >/dev/null 2>&1; then
        echo "not run: the standard library for Windows cannot be had here (rustup target add $target)"
        return 0
    fi
    if ! command -v x86_64-w64-mingw32-gcc >/dev/null; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-mingw-w64-x86-64 || return 1
    fi
    cargo clippy --locked --target "$target" --lib --bins -- -D warnings
}

# Replays the kept corpora and looks a little further. It needs a nightly compiler; the corpora are replayed by `cargo test`, too.
fuzz() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        echo "not run: there is no nightly compiler on this machine (rustup toolchain install nightly)"
        return 0
    fi
    if [ ! -x "$tools/bin/cargo-fuzz" ]; then
        echo "installing cargo-fuzz"
        cargo install --quiet --locked --root "$tools" cargo-fuzz || return 1
    fi
    local target good=0 bad=0
    for target in $(PATH="$PWD/$tools/bin:$PATH" cargo +nightly fuzz list --fuzz-dir tests/fuzz); do
        if fuzz_one "$target"; then good=$((good + 1)); else bad=$((bad + 1)); echo "FAILED: $target"; fi
    done
    echo "$good passed, $bad failed"
    [ "$good" -gt 0 ] && [ "$bad" -eq 0 ]
}

fuzz_one() {
    local target=$1 new
    new=$(mktemp -d)
    # What is found goes to the first folder; the kept corpus is read and not added to.
    PATH="$PWD/$tools/bin:$PATH" cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" "$new" "tests/fuzz/corpus/$target" -- \
        -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
    local status=$?
    rm -rf "$new"
    return $status
}

main "$@"
