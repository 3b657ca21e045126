// What a client of MQTT.js sees of a server, as lines of text:
// clients.mjs <port> <4 or 5> <folder with node_modules>, MQTT over WebSocket at 127.0.0.1, path /mqtt.
import { createRequire } from 'node:module';

const [port, version, folder] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const mqtt = createRequire(folder + '/')('mqtt').default;
const five = version === 5;
const url = `ws://127.0.0.1:${port}/mqtt`;

function connect(clientId, more = {}) {
  const client = mqtt.connect(url, {
    protocolVersion: version, clientId, clean: true, username: 'all', password: 'right', keepalive: 15, reconnectPeriod: 0, connectTimeout: 10000, ...more,
  });
  const got = [];
  let wake = () => {};
  client.on('message', (topic, payload, packet) => {
    got.push({ topic, payload: payload.toString('hex'), qos: packet.qos, retain: packet.retain, dup: packet.dup, said: said(packet.properties) });
    wake();
  });
  let ending = false;
  client.on('error', (e) => { if (!ending) console.log(clientId, 'error', e.code); });
  const c = {
    client, clientId,
    ready: new Promise((done) => client.once('connect', (ack) => {
      console.log(clientId, 'connected', ack.returnCode ?? ack.reasonCode, ack.sessionPresent, ack.properties?.assignedClientIdentifier !== undefined);
      done();
    })),
    sub: (filters) => new Promise((done) => client.subscribe(filters, (err, granted, packet) => {
      console.log(clientId, 'subscribed', JSON.stringify(filters), err?.code, JSON.stringify(packet?.granted));
      done();
    })),
    unsub: (filters) => new Promise((done) => client.unsubscribe(filters, (err, packet) => {
      console.log(clientId, 'unsubscribed', JSON.stringify(filters), err?.code, JSON.stringify(packet?.granted));
      done();
    })),
    pub: (topic, payload, options = {}) => new Promise((done) => client.publish(topic, payload, options, (err, packet) => {
      console.log(clientId, 'published', topic, options.qos ?? 0, err?.code, options.qos === 1 ? packet?.reasonCode ?? 0 : '');
      done();
    })),
    hears: async (what) => {
      const end = 'end/' + clientId;
      await helper.pub(end, 'end', { qos: 2 }); // as what comes last may be
      while (got.at(-1)?.topic !== end) await new Promise((done) => { wake = done; });
      console.log(clientId, what);
      for (const m of got.splice(0).slice(0, -1).sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0))) console.log('   ', JSON.stringify(m));
    },
    end: () => { ending = true; return client.endAsync(); },
  };
  return c.ready.then(() => c);
}

function said(properties = {}) {
  const { topicAlias, ...rest } = properties; // a matter of each connection
  return Object.keys(rest).sort().map((k) => [k, Buffer.isBuffer(rest[k]) ? rest[k].toString('hex') : rest[k]]);
}

const helper = await connect('helper');
const a = await connect('a');
await a.sub({ 'end/a': { qos: 2 }, 't/+': { qos: 2 }, 'u/#': { qos: 0 } });
for (const qos of [0, 1, 2]) {
  await helper.pub('t/x', `qos ${qos}`, { qos });
  await helper.pub('u', `qos ${qos}`, { qos });
}
await helper.pub('nobody', 'x', { qos: 1 });
await a.hears('messages of each QoS');
await helper.pub('t/large', Buffer.alloc(60000, 7), { qos: 2 });
await a.hears('a large one');
if (five) {
  await a.sub({ s: { qos: 1, properties: { subscriptionIdentifier: 5 } } });
  await a.client.subscribeAsync('id/+', { qos: 1, properties: { subscriptionIdentifier: 268435455 } });
  await helper.pub('id/x', 'y', {
    qos: 1, properties: { responseTopic: 'r', correlationData: Buffer.from([0, 1]), contentType: 'n', userProperties: { b: ['1', '2'], a: '3' } },
  });
  await a.hears('identifiers and properties');
  const shared = [await connect('s1'), await connect('s2')];
  for (const s of shared) await s.sub({ ['end/' + s.clientId]: { qos: 2 }, '$share/group/sh': { qos: 1 } });
  let all = 0;
  for (const s of shared) s.client.on('message', (topic) => { all += topic === 'sh' ? 1 : 0; });
  for (let i = 0; i < 6; i++) await helper.pub('sh', String(i), { qos: 1 });
  const log = console.log;
  console.log = () => {};
  for (const s of shared) await s.hears('');
  console.log = log;
  console.log('who share a subscription got', all);
  for (const s of shared) await s.end();
}
await a.unsub(['u/#', 'never']);
await helper.pub('u', 'z', { qos: 1 });
await helper.pub('k', 'kept', { qos: 1, retain: true });
await a.sub({ k: { qos: 2 } });
await a.hears('what is retained');
for (let i = 0; i < 2; i++) {
  const b = await connect('b', { clean: false, properties: five ? { sessionExpiryInterval: 300 } : undefined });
  await b.sub({ 'end/b': { qos: 2 }, 'o/#': { qos: 2 } });
  await b.hears('in its session');
  await b.end();
  for (const qos of [1, 2, 2, 1]) await helper.pub('o/x', `while it was away, ${qos}`, { qos });
}
const w = await connect('w', { will: { topic: 't/will', payload: Buffer.from('gone'), qos: 2, retain: false, properties: five ? { contentType: 'n' } : undefined } });
const before = new Promise((done) => a.client.once('message', done));
w.client.stream.destroy();
await before;
await a.hears('the will');
await helper.pub('k', '', { qos: 1, retain: true });
await a.hears('nothing in place of what was retained');
await a.end();
await helper.end();
process.exit(0);
