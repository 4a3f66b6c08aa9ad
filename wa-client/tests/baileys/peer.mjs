// An unmodified Baileys as another person's device: pairs, connects, sends, and remembers what happened to it.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import makeWASocket, { useMultiFileAuthState, WA_CERT_DETAILS } from 'baileys';
import P from 'pino';

const RESTART_REQUIRED = 515;
const DELIVERED = 3;

export class Peer {
  constructor({ url, base, rootKey, name }) {
    Object.assign(this, { url, base, name });
    WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey, 'hex');
    this.directory = mkdtempSync(join(tmpdir(), 'baileys-'));
    this.sent = new Map();
    this.messages = [];
    this.delivered = new Set();
    this.waiting = new Set();
  }

  /// Connects, pairing first where that has not happened; resolves once the connection is open.
  async connect() {
    const { state, saveCreds } = await useMultiFileAuthState(this.directory);
    const socket = makeWASocket({
      auth: state,
      waWebSocketUrl: this.url,
      logger: P({ level: process.env.BAILEYS_LOG ?? 'silent' }, P.destination(2)),
      markOnlineOnConnect: true,
      shouldSyncHistoryMessage: () => true,
      getMessage: async key => this.sent.get(key.id),
    });
    this.socket = socket;
    socket.ev.on('creds.update', saveCreds);
    socket.ev.on('messages.upsert', ({ messages }) => {
      for (const message of messages) {
        const text = message.message?.conversation ?? message.message?.extendedTextMessage?.text;
        if (text !== undefined && text !== null && !message.key.fromMe) {
          this.messages.push({ id: message.key.id, from: message.key.remoteJid, text });
          this.changed();
        }
      }
    });
    socket.ev.on('messages.update', updates => {
      for (const { key, update } of updates) {
        if (update.status >= DELIVERED) this.delivered.add(key.id);
      }
      this.changed();
    });
    return new Promise((resolve, reject) => {
      let scanned = false;
      socket.ev.on('connection.update', ({ connection, lastDisconnect, qr }) => {
        if (qr && !scanned) {
          scanned = true;
          this.scan(qr).catch(reject);
        }
        if (connection === 'open') resolve(this.number());
        if (connection === 'close') {
          const code = lastDisconnect?.error?.output?.statusCode;
          if (code === RESTART_REQUIRED) this.connect().then(resolve, reject);
          else reject(new Error(`Baileys was closed with ${code}: ${lastDisconnect?.error?.message}`));
        }
      });
    });
  }

  async scan(qr) {
    const name = encodeURIComponent(this.name);
    const answer = await fetch(`${this.base}/admin/mock-phone/scan-qr?push_name=${name}`, { method: 'POST', body: qr });
    if (!answer.ok) throw new Error(`the phone refused Baileys's QR code: ${answer.status} ${await answer.text()}`);
  }

  number() {
    return this.socket.user.id.split(/[:@]/)[0];
  }

  async send(number, text) {
    const message = await this.socket.sendMessage(`${number}@s.whatsapp.net`, { text });
    this.sent.set(message.key.id, message.message);
    return message.key.id;
  }

  async disconnect() {
    this.socket.ev.removeAllListeners('connection.update');
    const closed = new Promise(resolve => this.socket.ws.on('close', resolve));
    this.socket.end(undefined);
    await Promise.race([closed, new Promise(resolve => setTimeout(resolve, 1000))]);
  }

  changed() {
    for (const check of this.waiting) check();
  }

  /// Resolves with the first true value of `look`, asked again whenever something arrived.
  until(what, look, seconds = 30) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (!found) return;
        this.waiting.delete(check);
        clearTimeout(timer);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        reject(new Error(`Baileys waited ${seconds} s in vain for ${what}; it has ${JSON.stringify(this.messages)}`));
      }, seconds * 1000);
      this.waiting.add(check);
      check();
    });
  }

  received(text) {
    return this.until(`the message "${text}"`, () => this.messages.find(message => message.text === text));
  }

  receipt(id) {
    return this.until(`the delivery receipt of ${id}`, () => this.delivered.has(id));
  }
}
