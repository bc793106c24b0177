// Signs, verifies and rewrites keys with the npm packages jose and jsonwebtoken: one question as a
// line of JSON on standard input, one answer as a line on standard output. The arguments are the
// folder whose node_modules has them, and the iss and aud that tokens must have.
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, issuer, audience] = process.argv.slice(2);
const require = createRequire(resolve(folder, 'package.json'));
const jsonwebtoken = require('jsonwebtoken');
const jose = await import(pathToFileURL(require.resolve('jose')));

const options = (now) => ({ currentDate: new Date(now * 1000), issuer, audience });

const answers = {
  jose: {
    async sign({ alg, kid, typ, jwk, claims }) {
      const token = new jose.SignJWT(JSON.parse(claims)).setProtectedHeader({ alg, kid, typ });
      return token.sign(await jose.importJWK(jwk, alg));
    },
    async verify({ alg, jwk, token, now }) {
      const key = await jose.importJWK(jwk, alg);
      const { payload } = await jose.jwtVerify(token, key, { algorithms: [alg], ...options(now) });
      return JSON.stringify(payload);
    },
    async verifySet({ set, token, now }) {
      const { payload } = await jose.jwtVerify(token, jose.createLocalJWKSet(set), options(now));
      return JSON.stringify(payload);
    },
    async rewrite({ alg, kid, jwk }) {
      const named = async (key) => ({ ...(await jose.exportJWK(key)), alg, kid });
      if (jwk.kty === 'oct') {
        return { Private: await named(createSecretKey(jwk.k, 'base64url')) };
      }
      const key = createPrivateKey({ key: jwk, format: 'jwk' });
      const pub = createPublicKey(key);
      return {
        Private: await named(key),
        Public: await named(pub),
        PrivatePEM: await jose.exportPKCS8(key),
        PublicPEM: await jose.exportSPKI(pub),
        Thumbprint: await jose.calculateJwkThumbprint(await jose.exportJWK(pub)),
      };
    },
  },
  jsonwebtoken: {
    sign({ alg, kid, typ, key, claims }) {
      return jsonwebtoken.sign(JSON.parse(claims), key, { algorithm: alg, keyid: kid, header: { typ } });
    },
    verify({ alg, key, token, now }) {
      return JSON.stringify(jsonwebtoken.verify(token, key, { algorithms: [alg], clockTimestamp: now, issuer, audience }));
    },
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  question.key = question.secret ? createSecretKey(question.secret, 'base64') : question.pem;
  try {
    const answer = await answers[question.peer][question.ask](question);
    console.log(JSON.stringify({ answer }));
  } catch (e) {
    console.log(JSON.stringify({ error: `${e.name}: ${e.message}` }));
  }
}
