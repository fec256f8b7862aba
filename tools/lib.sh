# Shell functions that the doors in tools/ share. Source it; it expects `set -euo pipefail`.
#
# WEIR_BAZEL names another command to use instead of `bazel` (with its startup options, if any).

WEIR_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { echo "$(basename "$0"): $*" >&2; }

die() {
  say "$*"
  exit 2
}

# Prints the packages of the sections named, as listed in tools/packages.txt.
packages_of() {
  local wanted=" $* " section="" line
  while read -r line; do
    case $line in
      "" | "#"*) ;;
      "["*"]") section=${line:1:-1} ;;
      *) if [[ $wanted == *" $section "* ]]; then echo "$line"; fi ;;
    esac
  done < "$WEIR_ROOT/tools/packages.txt"
}

# Prints which of the packages named are not installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | grep '^ii' | cut -c4- || true)
  for package in "$@"; do
    grep -qxF -- "$package" <<< "$installed" || echo "$package"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    die "needs root or sudo for: $*"
  fi
}

# Installs the packages of the sections named that are missing; does nothing, quickly, when none is.
install_packages() {
  local missing
  command -v dpkg-query > /dev/null || die "works on Debian 12 (there is no dpkg-query here)"
  # shellcheck disable=SC2046
  missing=$(missing_packages $(packages_of "$@" | sort -u))
  [[ -n $missing ]] || return 0
  say "installing" $missing
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update < /dev/null >&2
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends $missing < /dev/null >&2
}

# Bazel in the repository's root. It wants a home and a user name, which a bare CI may lack.
run_bazel() {
  export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)} USER=${USER:-$(id -un)}
  # shellcheck disable=SC2086
  (cd "$WEIR_ROOT" && ${WEIR_BAZEL:-bazel} "$@")
}
