"""PyJWT, one request and one answer a line: {"do": "sign" or "verify", "alg", "key", ...}."""
import json
import sys

import jwt

for line in sys.stdin:
    ask = json.loads(line)
    try:
        if ask["do"] == "sign":
            answer = {"token": jwt.encode(ask["claims"], ask["key"], ask["alg"], headers=ask["headers"])}
        else:
            header = jwt.get_unverified_header(ask["token"])
            claims = jwt.decode(ask["token"], ask["key"], [ask["alg"]], audience=ask["audience"], issuer=ask["issuer"])
            answer = {"claims": claims, "header": header}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
