"""Makes certificates with the system's openssl: good ones, and each kind of bad one."""

import shutil
import subprocess

OPENSSL = shutil.which("openssl")

_CONFIG = """
[ca]
default_ca = it
[it]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


class Authority:
    """Signs certificates. file: its own, in PEM."""

    def __init__(self, folder):
        folder.mkdir()
        self._folder = folder
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "index").touch()
        self.file, self._key = folder / "authority.pem", folder / "authority.key"
        self._ask(
            "req",
            "-x509",
            *self._new_key(self._key),
            "-subj",
            "/CN=authority",
            "-days",
            "30",
            "-out",
            self.file,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        )

    def sign(self, name, *, begins="20200101000000Z", ends="20490101000000Z"):
        """Make a certificate for a host or a client; return its file and that of its key."""
        stem = f"{name}-{begins[:4]}-{ends[:4]}"
        key, asked, signed = (self._folder / f"{stem}.{suffix}" for suffix in ("key", "csr", "pem"))
        kind = "IP" if name[0].isdigit() else "DNS"
        self._ask(
            "req",
            *self._new_key(key),
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName={kind}:{name}",
            "-out",
            asked,
        )
        self._ask(
            "ca",
            "-batch",
            "-notext",
            "-config",
            self._config,
            "-cert",
            self.file,
            "-keyfile",
            self._key,
            "-startdate",
            begins,
            "-enddate",
            ends,
            "-in",
            asked,
            "-out",
            signed,
        )
        key.chmod(0o600)
        return signed, key

    @staticmethod
    def _new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path

    @staticmethod
    def _ask(*words):
        subprocess.run([OPENSSL, *words], check=True, capture_output=True)  # noqa: S603  # ours
