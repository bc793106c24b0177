// The server of seed 001 with its token code deleted: it runs behind `sandi gateway`, and believes what that says of who is there.
import { createServer } from 'node:http';
import { load } from './rp.mjs';

const express = (await load('express')).default;
const { Server } = await load('socket.io');

/** codename is who the gateway's identity token is about. Only the gateway reaches this server, so that it is read, not verified, here: see docs/guides/gateway.md. */
const codename = (token) => (token ? JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub : '');

/** start runs the server; what it prints goes to log. */
export const start = (address, log) => new Promise((started) => {
  const app = express();
  const server = createServer(app);
  const io = new Server(server, { cors: { origin: '*' } });

  app.get('/whoami', (req, res) => res.json({ codename: codename(req.get('Sandi-Identity')), headers: req.headers, url: req.url }));

  io.on('connection', (socket) => {
    const { auth, headers } = socket.handshake;
    socket.agent = { codename: codename(auth.sandi_identity ?? headers['sandi-identity']) };
    log(`Agen Terhubung: ${socket.agent.codename} ${JSON.stringify(auth.token ?? null)}`);

    socket.on('message', (msg) => {
      log(`Transmisi dari ${socket.agent.codename}: ${msg}`);
      socket.emit('message', `diterima: ${msg}`);
    });

    socket.on('disconnect', () => {
      log(`Agen Terputus: ${socket.agent.codename}`);
    });
  });

  const [host, port] = address.split(':');
  server.listen(port, host, () => started(server));
});
