# What a client of Eclipse's paho-mqtt (1.6) sees of a server, as lines of text:
# clients.py <port> <4 or 5>, MQTT over WebSocket at 127.0.0.1, path /mqtt.
import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

port, five = int(sys.argv[1]), sys.argv[2] == "5"
names = ["PayloadFormatIndicator", "MessageExpiryInterval", "ContentType", "ResponseTopic", "CorrelationData", "SubscriptionIdentifier", "UserProperty"]


def properties(kind, **values):
    if not five:
        return None
    p = Properties(kind)
    for name, value in values.items():
        setattr(p, name, value)
    return p


class Client:
    def __init__(self, name, clean=True, expiry=0, will=None):
        self.name, self.got, self.said = name, queue.Queue(), queue.Queue()
        self.c = c = mqtt.Client(name, transport="websockets", protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311, **({} if five else {"clean_session": clean}))
        c.ws_set_options(path="/mqtt")
        c.username_pw_set("all", "right")
        c.on_connect = lambda c, u, flags, rc, p=None: self.said.put((int(getattr(rc, "value", rc)), flags["session present"], p))
        c.on_subscribe = lambda c, u, mid, codes, p=None: self.said.put([int(getattr(x, "value", x)) for x in codes])
        c.on_unsubscribe = lambda c, u, mid, p=None, codes=None: self.said.put([codes.value] if hasattr(codes, "value") else [x.value for x in codes or []])
        c.on_message = lambda c, u, m: self.got.put(m)
        c.on_disconnect = lambda c, u, rc, p=None: self.said.put(int(getattr(rc, "value", rc)))
        if will:
            c.will_set(will, "gone", qos=1, properties=properties(PacketTypes.WILLMESSAGE, ContentType="n"))
        options = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry)} if five else {}
        c.connect("127.0.0.1", port, 15, **options)
        c.loop_start()
        rc, present, p = self.said.get(timeout=10)
        print(name, "connected", rc, present, "given a name" if hasattr(p, "AssignedClientIdentifier") else "")

    def sub(self, *filters, **options):
        values = [(f, SubscribeOptions(q, **options) if five else q) for f, q in filters]
        self.c.subscribe(values)
        print(self.name, "subscribed", filters, options, self.said.get(timeout=10))

    def unsub(self, *filters):
        self.c.unsubscribe(list(filters))
        print(self.name, "unsubscribed", filters, self.said.get(timeout=10))

    def pub(self, topic, payload, qos=0, retain=False, **values):
        self.c.publish(topic, payload, qos, retain, properties=properties(PacketTypes.PUBLISH, **values)).wait_for_publish(10)

    # Everything that came before a message that ends it, in the order of topics.
    def hears(self, what):
        helper.pub("end/" + self.name, "end", 2)  # QoS 2, as what comes last may be
        lines = []
        while True:
            m = self.got.get(timeout=10)
            if m.topic == "end/" + self.name:
                break
            said = [(n, getattr(m.properties, n)) for n in names if five and hasattr(m.properties, n)]
            lines.append((m.topic, m.payload, m.qos, m.retain, said))
        print(self.name, what)
        for line in sorted(lines, key=lambda l: l[0]):
            print("   ", *line)

    def leave(self):
        self.c.disconnect()
        self.c.loop_stop()


helper = Client("helper")
a = Client("a")
a.sub(("end/a", 2))
a.sub(("t/+", 2), ("t/one", 0), ("u/#", 1))
for qos in range(3):
    helper.pub("t/two", "qos %d" % qos, qos)
    helper.pub("u", "qos %d" % qos, qos)
helper.pub("t/one", b"\x00\xff", 2)
helper.pub("$t/one", "hidden", 1)
a.hears("messages of each QoS")
helper.pub("t/said", "x", 1, PayloadFormatIndicator=1, MessageExpiryInterval=100, ContentType="text/plain", ResponseTopic="r", CorrelationData=b"\x01\x00",
           UserProperty=[("b", "1"), ("a", "2"), ("b", "3")])
a.hears("what a message says of itself")
a.unsub("t/one")
a.unsub("never")
helper.pub("t/one", "y", 1)
a.hears("after one filter")

helper.pub("k/1", "old", 1, True)
helper.pub("k/1", "new", 1, True)
helper.pub("k/2", "two", 2, True, ContentType="c")
a.sub(("k/+", 1))
a.hears("what is retained")
helper.pub("k/1", "", 1, True)
a.hears("nothing in its place")
a.sub(("k/+", 1))
a.hears("what is left")
if five:
    for handling in range(3):
        a.sub(("k/2", 1), retainHandling=handling)
        a.hears("retain handling %d" % handling)
    a.sub(("n", 1), noLocal=True)
    a.pub("n", "own", 1)
    helper.pub("n", "another's", 1)
    a.hears("no local")
    a.sub(("p", 1), retainAsPublished=True)
    helper.pub("p", "kept", 1, True)
    a.hears("retain as published")

for clean in (False, False, True, False):
    b = Client("b", clean, 300)
    b.sub(("end/b", 2), *([] if clean else [("o/#", 2)]))
    b.hears("in its session")
    b.leave()
    for qos in range(3):
        helper.pub("o/%d" % qos, "while it was away", qos)

w = Client("w", will="u/will")
w.c.loop_stop()
w.c.socket().close()
m = a.got.get(timeout=10)
print("a gets the will", m.topic, m.payload, m.qos, m.retain)
w = Client("w", will="u/will")
w.leave()
a.hears("no will of who takes leave")
if five:
    old = Client("old")
    Client("old").leave()
    print("old is told", old.said.get(timeout=10))
Client("").leave()
