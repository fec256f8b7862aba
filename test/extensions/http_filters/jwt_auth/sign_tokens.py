"""Prints a JWK set, then a token for each algorithm ("ALGORITHM TOKEN"), made by Python's cryptography."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"256": ("P-256", ec.SECP256R1(), 32), "384": ("P-384", ec.SECP384R1(), 48), "512": ("P-521", ec.SECP521R1(), 66)}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def main():
    rsa_key = rsa.generate_private_key(65537, 2048)
    ec_keys = {bits: ec.generate_private_key(curve) for bits, (_, curve, _) in CURVES.items()}
    ed_key = ed25519.Ed25519PrivateKey.generate()
    secret = bytes(range(64))
    numbers = rsa_key.public_key().public_numbers()
    jwks = [{"kty": "RSA", "kid": "rsa", "n": number(numbers.n), "e": number(numbers.e)}]
    for bits, (name, _, size) in CURVES.items():
        point = ec_keys[bits].public_key().public_numbers()
        jwks.append({"kty": "EC", "kid": "ec" + bits, "crv": name, "x": number(point.x, size), "y": number(point.y, size)})
    public = ed_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwks.append({"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encoded(public)})
    jwks.append({"kty": "oct", "kid": "secret", "k": encoded(secret)})
    print(json.dumps({"keys": jwks}))

    def sign(algorithm, text):
        family, bits = algorithm[:2], algorithm[2:]
        if family == "RS":
            return "rsa", rsa_key.sign(text, padding.PKCS1v15(), HASHES[bits])
        if family == "PS":
            size = HASHES[bits].digest_size
            return "rsa", rsa_key.sign(text, padding.PSS(padding.MGF1(HASHES[bits]), size), HASHES[bits])
        if family == "ES":
            size = CURVES[bits][2]
            r, s = utils.decode_dss_signature(ec_keys[bits].sign(text, ec.ECDSA(HASHES[bits])))
            return "ec" + bits, r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if family == "HS":
            return "secret", hmac.new(secret, text, getattr(hashlib, "sha" + bits)).digest()
        return "ed", ed_key.sign(text)

    key_ids = {"RS": "rsa", "PS": "rsa", "HS": "secret", "Ed": "ed"}
    for algorithm in [f + b for f in ("RS", "PS", "ES", "HS") for b in ("256", "384", "512")] + ["EdDSA"]:
        key_id = key_ids.get(algorithm[:2], "ec" + algorithm[2:])
        header = encoded(json.dumps({"alg": algorithm, "kid": key_id, "typ": "JWT"}).encode())
        text = header + "." + encoded(json.dumps({"sub": "alice", "alg": algorithm}).encode())
        used, signature = sign(algorithm, text.encode())
        assert used == key_id
        print(algorithm, text + "." + encoded(signature))


if __name__ == "__main__":
    main()
