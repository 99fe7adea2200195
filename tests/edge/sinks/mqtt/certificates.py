"""A certificate authority made with the system's openssl, which signs valid and invalid certificates for tests."""

import shutil
import subprocess

OPENSSL = shutil.which("openssl")

_CONFIG = """
[ca]
default_ca = test
[test]
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
    """A certificate authority in a new folder.

    Attributes:
        file: its certificate, PEM.
    """

    def __init__(self, folder):
        folder.mkdir()
        self._folder = folder
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "index").touch()
        self.file, self._key = folder / "authority.pem", folder / "authority.key"
        subject = ("-subj", "/CN=authority", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE")
        self._openssl("req", "-x509", *self._new_key(self._key), *subject, "-out", self.file)

    def sign(self, name, *, begins="20200101000000Z", ends="20490101000000Z"):
        """Create a certificate for a host or a client; return its file and its key's file."""
        stem = f"{name}-{begins[:4]}-{ends[:4]}"
        key, request, certificate = (self._folder / f"{stem}.{suffix}" for suffix in ("key", "csr", "pem"))
        kind = "IP" if name[0].isdigit() else "DNS"
        subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}")
        self._openssl("req", *self._new_key(key), *subject, "-out", request)
        authority = ("-config", self._config, "-cert", self.file, "-keyfile", self._key)
        dates = ("-startdate", begins, "-enddate", ends)
        self._openssl("ca", "-batch", "-notext", *authority, *dates, "-in", request, "-out", certificate)
        key.chmod(0o600)
        return certificate, key

    @staticmethod
    def _new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path

    @staticmethod
    def _openssl(*arguments):
        subprocess.run([OPENSSL, *arguments], check=True, capture_output=True)  # noqa: S603  # a fixed program
