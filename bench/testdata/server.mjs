// A node:http server with jsonwebtoken, as the load generator of the benchmark wants one: node server.mjs SECRET TOKEN
// ISSUER AUDIENCE. It prints where it listens and ends with its input. jsonwebtoken is that of test/npm.
import { createSecretKey } from 'node:crypto'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const [secret, token, issuer, audience] = process.argv.slice(2)
const require = createRequire(new URL('../../test/npm/package.json', import.meta.url))
const jwt = require('jsonwebtoken')
const key = createSecretKey(Buffer.from(secret)) // a string would be tried as a PEM first, for most of a millisecond
const answer = '{"logged_in_as":"user001"}\n'

function send(res, status, body) {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}

function guarded(req, res) {
  const [scheme, text] = (req.headers.authorization ?? '').split(' ')
  if (scheme !== 'Bearer') return send(res, 401, '{}')
  jwt.verify(text, key, { algorithms: ['HS256'], issuer, audience }, (err, claims) => {
    if (err) return send(res, 401, '{}')
    req.claims = claims
    send(res, 200, answer)
  })
}

const server = createServer((req, res) => (req.url === '/guarded' ? guarded(req, res) : send(res, 200, answer)))
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => {
  const version = `node:http ${process.version} with jsonwebtoken v${require('jsonwebtoken/package.json').version}`
  const target = { name: 'node:http with jsonwebtoken, HS256', open: '/open', guarded: '/guarded', token }
  console.log(JSON.stringify({ address: `127.0.0.1:${server.address().port}`, version, targets: [target] }))
})
process.stdin.on('end', () => process.exit(0)).resume()
