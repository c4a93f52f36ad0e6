#!/usr/bin/env python3
"""Is this from our Picket? What a platform's endpoint does before it believes what it is told.

By the Standard Webhooks specification 1.0.0, with Python's own library; for the signatures of a pair
(whpk_) also with the program `openssl`. In an endpoint, with the body as it came, to the byte:

    action = verify(["whsec_..."], request.headers, request.body)

On the command line, with the parts of a request: exits with 0 and prints the action, or with 1 and
says why not.

    verify.py --key whsec_... --id ID --timestamp SECONDS --signature SIGNATURES < body
"""

import argparse
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time

# How old a request may be, so that nobody can send an old one again. Picket stamps every try anew.
TOLERANCE_S = 300
# What comes before the 32 bytes of a public key where OpenSSL reads it (RFC 8410).
ED25519 = bytes.fromhex("302a300506032b6570032100")


class Forged(Exception):
    """Whoever sent this, believe nothing of it."""


def verify(keys, headers, body, now=None):
    """Returns what a request says that was signed by one of these keys; names of headers in lower case."""
    try:
        ident, at, signatures = (headers["webhook-" + name] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise Forged(f"the header {missing} is missing") from None
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        raise Forged("its time is no number")
    if abs((time.time() if now is None else now) - int(at)) > TOLERANCE_S:
        raise Forged("it was sent too long ago, or one of the clocks is wrong")
    signed = b".".join([ident.encode(), at.encode(), body])
    for signature in signatures.split():
        version, _, value = signature.partition(",")
        if any(is_by(key, version, value, signed) for key in keys):
            # The same id may come again, after an answer that was lost: keep the ids that were acted on.
            return json.loads(body)
    raise Forged("none of its signatures is by a key that we know")


def is_by(key, version, signature, signed):
    """Whether a signature is by a key. What is of another kind is by another key."""
    kind, _, value = key.partition("_")
    try:
        secret, signature = decode(value), decode(signature)
    except ValueError:
        return False
    if (kind, version) == ("whsec", "v1"):
        return hmac.compare_digest(hmac.new(secret, signed, hashlib.sha256).digest(), signature)
    if (kind, version) == ("whpk", "v1a"):
        return is_by_pair(secret, signature, signed)
    return False


def is_by_pair(public, signature, signed):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", ED25519 + public), ("signature", signature), ("signed", signed)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        command = "openssl pkeyutl -verify -pubin -keyform DER -rawin -inkey key -sigfile signature -in signed"
        return subprocess.run(command.split(), cwd=folder, capture_output=True).returncode == 0


def decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def main():
    parser = argparse.ArgumentParser(description="Verifies a webhook of Picket; its body comes on standard input.")
    parser.add_argument("--key", action="append", required=True, help="whsec_... or whpk_...; may be repeated")
    for name in ("id", "timestamp", "signature"):
        parser.add_argument("--" + name, required=True, help=f"the header webhook-{name}")
    parser.add_argument("--now", type=float, help="seconds since 1970, in place of the clock")
    args = parser.parse_args()
    headers = {f"webhook-{name}": getattr(args, name) for name in ("id", "timestamp", "signature")}
    try:
        action = verify(args.key, headers, sys.stdin.buffer.read(), args.now)
    except Forged as why:
        sys.exit(f"forged: {why}")
    print(action["type"], action["subject"], action["scope"])


if __name__ == "__main__":
    main()
