# Where a test rung keeps what it builds; sourced by the build scripts, which set `rung`.
# Outside the clone, so that the next clone finds it: XDG_CACHE_HOME or ~/.cache, one folder for each
# recipe, so that two clones with different recipes never share one. Folders that no run has used
# for a month are removed.

refuse() { echo "$rung: $1" >&2; exit 1; }

# rung_folder CACHE_DIR FILE...: CACHE_DIR when given, else the folder of the recipe in these files.
rung_folder() {
    given=$1
    shift
    shared=${XDG_CACHE_HOME:-${HOME:?is not set; name a cache folder}/.cache}/weigh-terminal
    key=$(cat "$@" | sha256sum | cut -c1-16)
    echo "${given:-$shared/$rung-$key}"
}

# rung_lock CACHE_DIR: one build at a time; a second one waits for the first. Prints the folder.
rung_lock() {
    mkdir -p "$1"
    touch "$1"
    find "$(dirname "$1")" -maxdepth 1 -name "$rung-*" -mtime +30 -exec rm -rf {} + 2>/dev/null || true
    exec 9>"$1/lock"
    flock -n 9 || { echo "$rung: another build is running in $1; waiting for it" >&2; flock 9; }
}

# rung_packages PACKAGE...: installs what is missing. Only root can; says so otherwise.
rung_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || refuse "these packages are missing and only root can install them:$missing"
    apt-get update -qq || true
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
        >"$cache/apt.log" 2>&1 || refuse "apt-get could not install$missing; see $cache/apt.log"
}

# rung_mirror: the Debian mirror that this machine's apt is set up for.
rung_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -v security | sort -u | grep -m1 'debian/*$' ||
        refuse "no Debian mirror is configured in apt; add one and run this again"
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# rung_apt SUITE ARCHITECTURE: a package list of the rung's own, in $cache/apt. The machine's apt set-up
# is read for the mirror and left alone. Sets `own`, the options that make apt use it.
rung_apt() {
    mirror=$(rung_mirror)
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
    echo "deb [signed-by=$keyring arch=$2] $mirror $1 main" >"$cache/apt/sources.list"
    own="-o Dir::Etc::sourcelist=$cache/apt/sources.list -o Dir::Etc::sourceparts=/dev/null
         -o Dir::State::lists=$cache/apt/lists -o Dir::Cache=$cache/apt/cache
         -o APT::Architecture=$2 -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086
    apt-get $own update -qq || refuse "apt-get update for $1 failed; is the mirror reachable?"
}

# rung_download PACKAGE: its .deb into $cache/apt, from the list of rung_apt.
rung_download() {
    # shellcheck disable=SC2086
    (cd "$cache/apt" && rm -f "$1"_*.deb && apt-get $own download -qq "$1") ||
        refuse "the package $1 cannot be downloaded (any more)"
}
