"""What relying parties do with Authlib, against a provider that knows nothing of it."""
import json
import sys
import traceback

from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
import requests

settings = json.loads(sys.stdin.readline())
issuer, api, callback, clients = settings["issuer"], settings["api"], settings["callback"], settings["clients"]


def ask(**question):
    print(json.dumps({"id": 1, **question}), flush=True)
    answer = json.loads(sys.stdin.readline())
    if answer.get("error"):
        raise RuntimeError(answer["error"])
    return answer


def visit(url):
    return ask(do="visit", url=url, jar="shared")["url"]


metadata = requests.get(issuer + "/.well-known/oauth-authorization-server", timeout=10).json()
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
jwt = JsonWebToken(["ES256"])


def session(name, method="client_secret_basic", **more):
    client = clients[name]
    return OAuth2Session(
        client["id"], client.get("secret"), token_endpoint_auth_method=method, code_challenge_method="S256", **more
    )


def by_key(name):
    key = JsonWebKey.import_key(clients[name]["jwk"])
    made = OAuth2Session(clients[name]["id"], key, token_endpoint_auth_method="private_key_jwt")
    made.register_client_auth_method(PrivateKeyJWT(issuer, alg="ES256"))
    return made


def sign_in(s, **more):
    verifier, nonce = generate_token(48), generate_token(20)
    url, state = s.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more)
    end = visit(url)
    assert end.startswith(callback), end
    tokens = s.fetch_token(metadata["token_endpoint"], authorization_response=end, code_verifier=verifier, state=state)
    return tokens, nonce


def validate(token, client, nonce, access_token):
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client}}
    params = {"nonce": nonce, "client_id": client, "access_token": access_token}
    claims = jwt.decode(token, keys, claims_cls=CodeIDToken, claims_options=options, claims_params=params)
    claims.validate()
    return claims


def discovery():
    known = AuthorizationServerMetadata(metadata)
    known.validate()
    assert known.issuer == issuer


def code():
    s = session("py", scope="openid profile offline_access", redirect_uri=callback)
    tokens, nonce = sign_in(s)
    claims = validate(tokens["id_token"], clients["py"]["id"], nonce, tokens["access_token"])
    assert claims["at_hash"], "no at_hash"
    user = s.get(metadata["userinfo_endpoint"]).json()
    assert user["sub"] == claims["sub"] == settings["user"], user
    read = jwt.decode(tokens["access_token"], keys)
    read.validate()
    assert read.header["typ"] == "at+jwt"


def refresh_and_revoke():
    s = session("py", scope="openid offline_access", redirect_uri=callback)
    first, _ = sign_in(s)
    second = s.refresh_token(metadata["token_endpoint"], refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    s.revoke_token(metadata["revocation_endpoint"], second["refresh_token"], token_type_hint="refresh_token")
    try:
        s.refresh_token(metadata["token_endpoint"], refresh_token=second["refresh_token"])
    except OAuthError as e:
        assert e.error == "invalid_grant", e
    else:
        raise AssertionError("a revoked refresh token refreshes")


def public_client():
    s = session("spa", method="none", scope="openid offline_access", redirect_uri=callback)
    tokens, nonce = sign_in(s)
    validate(tokens["id_token"], clients["spa"]["id"], nonce, tokens["access_token"])


def client_credentials():
    for s in (session("py"), session("py-post", "client_secret_post"), by_key("py-jwt")):
        tokens = s.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="read", resource=api)
        assert tokens["token_type"].lower() == "bearer" and "refresh_token" not in tokens, list(tokens)
        assert jwt.decode(tokens["access_token"], keys)["aud"] in (api, [api])


def private_key_jwt_by_token_url():
    """Authlib's own way: the audience is the address that it sends the assertion to, for an hour."""
    key = JsonWebKey.import_key(clients["py-url"]["jwk"])
    s = OAuth2Session(clients["py-url"]["id"], key, token_endpoint_auth_method="private_key_jwt")
    s.register_client_auth_method(PrivateKeyJWT(alg="ES256"))
    s.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="read")


def introspection():
    tokens = session("py").fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="read", resource=api)
    s = session("api")
    seen = s.introspect_token(metadata["introspection_endpoint"], tokens["access_token"], token_type_hint="access_token").json()
    assert seen["active"] is True and seen["sub"] == clients["py"]["id"], seen


for case in (discovery, code, refresh_and_revoke, public_client, client_credentials, private_key_jwt_by_token_url, introspection):
    result = {"id": 0, "do": "case", "name": case.__name__}
    try:
        case()
    except Exception:
        result["error"] = traceback.format_exc()
    print(json.dumps(result), flush=True)
