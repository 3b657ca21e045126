// MQTT 5 over WebSocket by MQTT.js, which is loaded when the first link is made:
// it weighs more than the rest of the app, and no screen waits for it.

import type { Connect } from './live';

const connectTimeoutMs = 10_000;
/** Browsers let a hidden page act once a minute. */
const keepAliveSeconds = 60;

export const connectMqtt: Connect = async (token, topic, events) => {
  const { default: mqtt } = await import('mqtt'); // its browser build has this export alone
  return new Promise((resolve, reject) => {
    const client = mqtt.connect(token.url, {
      protocolVersion: 5,
      clientId: `app-${crypto.randomUUID()}`,
      username: token.username,
      password: token.password,
      clean: true,
      keepalive: keepAliveSeconds,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 0, // live.ts reconnects, each time with a new token
      timerVariant: 'native', // its worker would need a blob: address, which our policy forbids
    });
    const end = () => client.end(true);
    const giveUp = (error: Error) => {
      end();
      reject(error);
    };
    client.on('error', giveUp);
    client.on('message', (at, payload) => events.message(at, payload.toString()));
    client.on('close', () => {
      events.down();
      reject(new Error('the connection was closed'));
    });
    client.on('connect', () => {
      client.subscribe(topic, { qos: 1 }, (error, granted) => {
        const refused = granted?.some(({ qos }) => qos > 2); // a reason code in place of a QoS
        if (error || refused) giveUp(error ?? new Error('the subscription was refused'));
        else resolve(end);
      });
    });
  });
};
