// The server of seed 001 (express, socket.io, jsonwebtoken), as the benchmark of live sockets wants one: node --expose-gc server.mjs SECRET. The token is checked in
// io.use as printed, with the secret as a string; "message" goes to everybody; nothing is logged. It prints where it listens, for each line of
// its input what memory it has after collecting garbage, and ends with its input. The packages are those of test/npm.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [secret] = process.argv.slice(2)
const require = createRequire(new URL('../../../test/npm/package.json', import.meta.url))
const express = require('express')
const jwt = require('jsonwebtoken')
const { Server } = require('socket.io')

function verifyToken(token) {
  try {
    return jwt.verify(token, secret)
  } catch {
    return null
  }
}

const server = createServer(express())
const io = new Server(server, { cors: { origin: '*' } })
io.use((socket, next) => {
  const agent = verifyToken(socket.handshake.auth.token)
  if (!agent) return next(new Error('Akses Tidak Sah - Izin Ditolak!'))
  socket.agent = agent
  next()
})
io.on('connection', (socket) => socket.on('message', (msg) => io.emit('message', msg)))

function collected() {
  for (let i = 0; i < 4; i++) globalThis.gc()
  const m = process.memoryUsage()
  return { heap: m.heapUsed + m.external, resident: m.rss }
}

server.listen(0, '127.0.0.1', 4096, () => {
  const version = `socket.io v${require('socket.io/package.json').version} with jsonwebtoken v${require('jsonwebtoken/package.json').version} on node ${process.version}`
  console.log(JSON.stringify({ address: `127.0.0.1:${server.address().port}`, version }))
})
createInterface({ input: process.stdin }).on('line', () => console.log(JSON.stringify(collected()))).on('close', () => process.exit(0))
