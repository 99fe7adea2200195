#!/usr/bin/env bash
# Builds the Debian package; `make deb` installs the tools and calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export MACHINE=${MACHINE:-aarch64}
export PYTHONS=${PYTHONS:-3.11 3.13} # Bookworm's and Trixie's
export TOOLS=${TOOLS:-.venv-dist/bin}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} # dpkg-deb and gzip use it as the time of the files
export SOURCE_DATE_EPOCH
out=${OUT:-dist}
maintainer="${DEBFULLNAME:-the edge-emotion contributors} <${DEBEMAIL:-edge-emotion@users.noreply.github.com}>"

command -v dpkg-deb >/dev/null || { echo "expected dpkg-deb, found none: sudo apt install dpkg" >&2; exit 1; }
case $MACHINE in
    aarch64) architecture=arm64 ;;
    x86_64) architecture=amd64 ;;
    *) echo "expected MACHINE=aarch64 or x86_64, found $MACHINE" >&2; exit 2 ;;
esac
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' edge/__init__.py)
name=edge-emotion_${version}_$architecture
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
root=$work/$name
share=$root/usr/share/edge-emotion
doc=$root/usr/share/doc/edge-emotion

# The package depends on apt's numpy.
systemd/release/stage.sh "$share" --without numpy
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib/systemd/system" "$doc"
ln -s /opt/edge-emotion/current/venv/bin/edge-emotion "$root/usr/bin/edge-emotion"
install -m 644 systemd/edge-emotion.service systemd/edge-emotion@.service "$root/usr/lib/systemd/system"
install -D -m 644 systemd/debian/lintian-overrides "$root/usr/share/lintian/overrides/edge-emotion"

install -m 644 systemd/debian/copyright "$doc"
gzip -9 -n <CHANGELOG.md >"$doc/NEWS.md.gz"
cat <<END | gzip -9 -n >"$doc/changelog.gz"
edge-emotion ($version) unstable; urgency=medium

  * See NEWS.md.gz.

 -- $maintainer  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END

chmod -R u=rwX,go=rX "$root"
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@MAINTAINER@/$maintainer/" \
    -e "s/@SIZE@/$(du -sk "$root" | cut -f 1)/" systemd/debian/control.in >"$root/DEBIAN/control"
install -m 755 systemd/debian/postinst systemd/debian/prerm systemd/debian/postrm "$root/DEBIAN"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$work/md5sums"
install -m 644 "$work/md5sums" "$root/DEBIAN"

mkdir -p "$out"
# Fast compression, since the wheels are compressed already.
dpkg-deb --root-owner-group -Zgzip -z1 --build "$root" "$out/$name.deb"
