"""The demo's stream: two hours of user transactions, the same for the same seed.

Events arrive out of order by up to eight minutes, which the watermark of ten minutes allows for. Some arrive hours late,
and some are not what the table says.
"""

import datetime
import json
import random

START = datetime.datetime(2026, 1, 5, 9, 0, tzinfo=datetime.timezone.utc)
WINDOW = datetime.timedelta(minutes=5)
SPAN_S = 2 * 3600
DISORDER_S = 8 * 60
KINDS = [("view", 60), ("add_to_cart", 20), ("purchase", 12), ("refund", 3), ("login", 25)]
MALFORMED = [
    b"{\"userId\": \"u1\", \"eventType\": \"view\", ",
    b"not JSON at all",
    b"{\"userId\": \"u2\", \"eventType\": \"purchase\", \"amount\": \"a lot\", \"eventTime\": \"2026-01-05T10:00:00Z\"}",
    b"{\"userId\": \"u3\", \"eventType\": \"login\", \"amount\": 0}",
]


def events(count, seed):
    """Yields `count` messages in order of arrival."""
    rng = random.Random(seed)
    names, weights = zip(*KINDS)
    for number in range(count):
        now = number / count * SPAN_S
        dice = rng.random()
        if dice < 0.001:
            yield rng.choice(MALFORMED)
            continue
        # Late ones come only once the watermark is past what they belong to.
        behind = rng.uniform(0, DISORDER_S)
        if dice < 0.004 and now > SPAN_S / 2:
            behind = rng.uniform(SPAN_S / 4, SPAN_S / 2)
        kind = rng.choices(names, weights)[0]
        yield json.dumps({
            "userId": f"u{rng.randrange(5000)}",
            "eventType": kind,
            "amount": round(rng.lognormvariate(3, 1), 2) if kind in ("purchase", "refund") else 0,
            "eventTime": (START + datetime.timedelta(seconds=now - behind)).isoformat(timespec="milliseconds"),
        }).encode()


def parse(message):
    """The event of a message, or None if it isn't one."""
    try:
        event = json.loads(message)
        event["eventTime"] = datetime.datetime.fromisoformat(event["eventTime"])
        event["amount"] + 0.0
        return event
    except (ValueError, KeyError, TypeError):
        return None
