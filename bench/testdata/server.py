"""A Flask server with Flask-JWT-Extended, as the load generator of the benchmark wants one: server.py SECRET TOKEN ISSUER
AUDIENCE. It prints where it listens and ends with its input."""
import json
import logging
import os
import sys
import threading
from importlib.metadata import version

from flask import Flask, jsonify
from flask_jwt_extended import JWTManager, jwt_required
from werkzeug.serving import WSGIRequestHandler, make_server

secret, token, issuer, audience = sys.argv[1:]
app = Flask(__name__)
app.config.update(JWT_SECRET_KEY=secret, JWT_DECODE_ISSUER=issuer, JWT_DECODE_AUDIENCE=audience)
JWTManager(app)


@app.get("/open")
def open_():
    return jsonify(logged_in_as="user001")


@app.get("/guarded")
@jwt_required()
def guarded():
    return jsonify(logged_in_as="user001")


class Handler(WSGIRequestHandler):
    """Keeps connections, which werkzeug's closes lest it read a body for a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart

    def send_header(self, keyword, value):
        if keyword != "Connection":
            super().send_header(keyword, value)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
version = f"Flask {version('flask')} (werkzeug {version('werkzeug')}) with Flask-JWT-Extended {version('flask-jwt-extended')}"
target = {"name": "Flask-JWT-Extended, HS256", "open": "/open", "guarded": "/guarded", "token": token}
print(json.dumps({"address": f"127.0.0.1:{server.server_port}", "version": version, "targets": [target]}), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
