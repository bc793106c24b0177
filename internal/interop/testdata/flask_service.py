"""A real Flask-JWT-Extended service: several applications under one port.

The first line of standard input is a JSON object: the name of each application and its
configuration. The port is printed; the service ends with standard input.
"""
import json
import os
import sys
import threading
from datetime import timedelta

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager, create_access_token, create_refresh_token, get_csrf_token, get_jwt, get_jwt_identity, set_access_cookies,
    set_refresh_cookies, verify_jwt_in_request,
)
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(name, config):
    app = Flask(name)
    app.config.update(config)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    jwt = JWTManager(app)
    revoked = set()

    @jwt.token_in_blocklist_loader
    def in_blocklist(_header, claims):
        return claims["jti"] in revoked or str(claims["jti"]).startswith("revoked")

    @jwt.token_verification_loader
    def verified(_header, claims):
        return not claims.get("unverified")

    @jwt.user_lookup_loader
    def look_up(_header, claims):
        return None if claims["sub"] == "nobody" else {"name": claims["sub"]}

    @app.post("/mint")
    def mint():
        ask = request.json
        expires = ask.get("expires")
        make = {
            "identity": ask.get("identity", "user1"),
            "expires_delta": timedelta(seconds=expires) if expires else expires,
            "additional_claims": ask.get("claims"),
            "additional_headers": ask.get("headers"),
        }
        if ask.get("kind") == "refresh":
            return jsonify(token=create_refresh_token(**make))
        fresh = ask.get("fresh", False)
        fresh = fresh if isinstance(fresh, bool) else timedelta(seconds=fresh)
        return jsonify(token=create_access_token(fresh=fresh, **make))

    @app.post("/login")
    def login():
        access, refresh = create_access_token("user1", fresh=True), create_refresh_token("user1")
        response = jsonify(csrf=get_csrf_token(access))
        set_access_cookies(response, access)
        set_refresh_cookies(response, refresh)
        return response

    @app.delete("/logout")
    def logout():
        verify_jwt_in_request(verify_type=False)
        revoked.add(get_jwt()["jti"])
        return jsonify(msg="signed out")

    def guarded(need, places):
        need = need.split("+")
        verify_jwt_in_request(
            optional="optional" in need, fresh="fresh" in need, refresh="refresh" in need, locations=places.split(",")
        )
        return jsonify(sub=get_jwt_identity())

    app.add_url_rule("/guarded/<need>/<places>", view_func=guarded, methods=METHODS, provide_automatic_options=False)
    return app


class Quiet(WSGIRequestHandler):
    def log(self, *_args):
        pass


if __name__ == "__main__":
    apps = {"/" + name: application(name, config) for name, config in json.loads(sys.stdin.readline()).items()}
    server = make_server("127.0.0.1", 0, DispatcherMiddleware(Flask("root"), apps), threaded=True, request_handler=Quiet)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()
