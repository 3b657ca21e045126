# What Eclipse's paho-mqtt (1.6), the library with which Home Assistant connects, sees when it does as
# Home Assistant does: homeassistant.py <port> <4 or 5> <token> <discovery prefix>, MQTT over
# WebSocket at 127.0.0.1, path /mqtt. It finds one light, switches it, and prints what it is told.
import json
import queue
import sys

import paho.mqtt.client as mqtt

port, five, token, prefix = int(sys.argv[1]), sys.argv[2] == "5", sys.argv[3], sys.argv[4]
got, said = queue.Queue(), queue.Queue()

c = mqtt.Client("homeassistant", protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311, transport="websockets", reconnect_on_failure=False)
c.ws_set_options("/mqtt", {})
c.username_pw_set("homeassistant", token)
c.will_set("homeassistant/status", "offline", 0, False)
c.on_connect = lambda c, u, flags, rc, p=None: said.put(int(getattr(rc, "value", rc)))
c.on_subscribe = lambda c, u, mid, codes, p=None: said.put([int(getattr(x, "value", x)) for x in codes])
c.on_publish = lambda c, u, mid, *rest: said.put("published")
c.on_message = lambda c, u, m: got.put((m.topic, m.payload.decode(), m.retain))
c.on_disconnect = lambda c, u, rc, p=None: said.put("disconnected")
c.connect("127.0.0.1", port, 60)
c.loop_start()
print("connected", said.get(timeout=10))


def subscribe(*topics):
    c.subscribe([(t, 0) for t in topics])
    return said.get(timeout=10)


for component in ["binary_sensor", "light", "sensor", "device"]:
    print(component, subscribe(prefix + "/" + component + "/+/config"), subscribe(prefix + "/" + component + "/+/+/config"))
print("others'", subscribe("tasmota/discovery/#", "homeassistant/#"))
topic, payload, retained = got.get(timeout=10)
light = json.loads(payload)
print("found", light["device"]["name"], "in", light["device"]["suggested_area"], "retained", bool(retained))
print("follows", subscribe(*sorted({light["state_topic"]} | {a["topic"] for a in light["availability"]})))
for _ in range(2):
    topic, payload, retained = got.get(timeout=10)
    print("told", topic[len(prefix) + 1:].split("/")[-1 if topic == light["state_topic"] else 0], payload)
c.publish("homeassistant/status", "online", 0, False)
print(said.get(timeout=10))
c.publish(light["components"]["light"]["command_topic"], json.dumps({"state": "ON", "brightness": 400, "transition": 1}), light["components"]["light"]["qos"], False)
print(said.get(timeout=10))
topic, payload, retained = got.get(timeout=10)
print("told", topic[len(prefix) + 1:].split("/")[-1], payload, "retained", bool(retained))
c.disconnect()
print(said.get(timeout=10))
