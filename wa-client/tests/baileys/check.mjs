// Baileys and wa-client, two people's devices on one sandbox: texts and delivery receipts both ways, also after both
// reconnect, also what was sent while the other was away. Exits with 0 only if all of it happened.
//
// Takes SANDBOX_WS, SANDBOX_BASE, SANDBOX_ROOT_KEY, WA_CLIENT (the program) and WA_CLIENT_STORE from the environment.
import assert from 'node:assert/strict';
import { Client } from './client.mjs';
import { Device } from './device.mjs';

const { SANDBOX_WS: url, SANDBOX_BASE: base, SANDBOX_ROOT_KEY: rootKey, WA_CLIENT, WA_CLIENT_STORE } = process.env;
const DELIVERED = 3;
const scan = async qr => {
  const answer = await fetch(`${base}/admin/mock-phone/scan-qr`, { method: 'POST', body: qr });
  assert.ok(answer.ok, `the phone refused the QR code: ${answer.status} ${await answer.text()}`);
};
const baileys = new Device({ url, rootKey, name: 'Baileys', onQr: scan });
const client = new Client({ program: WA_CLIENT, store: WA_CLIENT_STORE, url, rootKey, name: 'wa-client' });

// The library prints whole sessions to the console; what is said here is the list of steps.
const say = console.log.bind(console);
console.log = console.info = console.warn = () => {};
let passed = 0;
async function step(name, work) {
  const result = await work();
  passed += 1;
  say(`ok ${passed} - ${name}`);
  return result;
}

/// A text from wa-client that arrives, with the receipt that says so.
async function clientSends(text) {
  const lines = await client.run(['send', theirs, text, '--wait', 'delivered']);
  const sent = lines.find(line => line.event === 'sent');
  assert.equal(lines.at(-1).event, 'delivered', 'the last line tells of the delivery');
  const message = await baileys.received(text);
  assert.equal(message.id, sent.id, 'the message keeps its id');
}

/// A text from Baileys to a wa-client that is listening, with the receipt that says so.
async function baileysSends(listening, text) {
  const id = await baileys.send(ours, text);
  const message = await listening.message(text);
  assert.equal(message.id, id, 'the message keeps its id');
  await receipt(id);
}

/// The delivery receipt of a text from Baileys.
const receipt = id => baileys.until(`the delivery receipt of ${id}`, () => baileys.status.get(id) >= DELIVERED);

/// Two new accounts whose first texts cross, Baileys's `delay` milliseconds later: each makes a session of its own, and
/// both have to settle on one.
async function writeAtOnce(delay) {
  const other = new Device({ url, rootKey, name: 'Baileys too', onQr: scan });
  const program = new Client({ program: WA_CLIENT, store: `${WA_CLIENT_STORE}-${delay}`, url, rootKey, name: 'wa-client too' });
  const pairing = await program.run(['pair'], async line => {
    if (line.event === 'qr') await scan(line.code);
  });
  const number = pairing.find(line => line.event === 'paired').jid.split(/[:@]/)[0];
  const { number: theirs } = await other.connect();

  const crossing = program.run(['send', theirs, 'Crossing, from wa-client']);
  await new Promise(resolve => setTimeout(resolve, delay));
  const ids = [await other.send(number, 'Crossing, from Baileys')];
  await crossing;
  const listening = program.listen();
  ids.push(await other.send(number, 'After the crossing, from Baileys'));
  await listening.message('Crossing, from Baileys');
  await listening.message('After the crossing, from Baileys');
  await other.received('Crossing, from wa-client');
  // The first may reach the program that sends, where nobody looks, the second reaches the one that listens.
  const [crossed, after] = ids;
  await other.until(`a receipt of ${crossed}`, () => ['delivery', 'inactive'].includes(other.receipts.get(crossed)));
  await other.until(`the delivery receipt of ${after}`, () => other.status.get(after) >= DELIVERED);
  await listening.stop('SIGINT');
  await program.run(['send', theirs, 'After the crossing, from wa-client', '--wait', 'delivered']);
  await other.received('After the crossing, from wa-client');
  other.disconnect();
}

const ours = await step('wa-client pairs by QR code', async () => {
  const lines = await client.run(['pair'], async line => {
    if (line.event === 'qr') await scan(line.code);
  });
  const paired = lines.find(line => line.event === 'paired');
  assert.ok(lines.some(line => line.event === 'online'), 'it is online after pairing');
  return paired.jid.split(/[:@]/)[0];
});
const theirs = await step('Baileys pairs by QR code', async () => (await baileys.connect()).number);
assert.notEqual(ours, theirs, 'they are two accounts');

await step('a text from wa-client reaches Baileys, and its receipt comes back', () => clientSends('First, from wa-client'));
let listening = client.listen();
await step('a text from Baileys reaches wa-client, and its receipt comes back', () =>
  baileysSends(listening, 'First, from Baileys — қазақша да'));
await step('further texts on the established session', async () => {
  for (const number of [1, 2, 3]) await baileysSends(listening, `More ${number}, from Baileys`);
});

await step('both reconnect', async () => {
  await listening.stop('SIGKILL');
  baileys.disconnect();
  assert.equal((await baileys.connect()).number, theirs, 'Baileys is the same account without a new QR code');
});
await step('after that, a text from wa-client', () => clientSends('Second, from wa-client'));
listening = client.listen();
await step('after that, a text from Baileys', () => baileysSends(listening, 'Second, from Baileys'));

await step('texts from Baileys wait while wa-client is away', async () => {
  await listening.stop('SIGINT');
  const ids = [];
  for (const number of [1, 2]) ids.push(await baileys.send(ours, `Away ${number}, from Baileys`));
  listening = client.listen();
  for (const number of [1, 2]) await listening.message(`Away ${number}, from Baileys`);
  for (const id of ids) await receipt(id);
  await listening.stop('SIGINT');
});
await step('a text from wa-client waits while Baileys is away', async () => {
  baileys.disconnect();
  const lines = await client.run(['send', theirs, 'Away, from wa-client']);
  const { id } = lines.find(line => line.event === 'sent');
  listening = client.listen();
  await baileys.connect();
  await baileys.received('Away, from wa-client');
  await listening.event('the receipt', line => line.event === 'receipt' && (line.ids ?? [line.id]).includes(id));
  await listening.stop('SIGINT');
});
await step('every text arrived once', () => {
  const texts = baileys.messages.filter(message => !message.fromMe).map(message => message.text);
  assert.equal(new Set(texts).size, texts.length, `Baileys saw ${JSON.stringify(texts)}`);
});

await step('two who never wrote to each other write at once, and go on from there', async () => {
  for (const delay of [0, 100, 200]) await writeAtOnce(delay);
});

baileys.disconnect();
say(`${passed} passed, 0 failed`);
process.exit(0);
