"""Certificates for tests, made by the openssl command line: an authority, and what it signs."""

import os
import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Certificates of one authority, as files below `directory`."""

    def __init__(self, directory, name="authority"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / f"{name}.pem"
        self._key = self.directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj",
                f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, file, *dns_names, days=1):
        """Writes FILE.pem and FILE.key, each by rename; the certificate carries `dns_names`."""
        names = ",".join(f"DNS:{name}" for name in dns_names)
        new, request = self.directory / f"{file}.new", self.directory / f"{file}.csr"
        extensions = self.directory / f"{file}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={file}", "-keyout",
                f"{new}.key", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", f"{new}.pem")
        for suffix in ("key", "pem"):
            os.replace(f"{new}.{suffix}", self.directory / f"{file}.{suffix}")
        return self.flags(file)

    def flags(self, file):
        return ["--tls-cert", self.directory / f"{file}.pem", "--tls-key", self.directory / f"{file}.key", "--tls-ca",
                self.certificate]

    def environment(self, file):
        return {"WEIR_TLS_CERT": str(self.directory / f"{file}.pem"), "WEIR_TLS_KEY": str(self.directory / f"{file}.key"),
                "WEIR_TLS_CA": str(self.certificate)}
