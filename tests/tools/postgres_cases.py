"""The calls and casts whose results PostgreSQL is asked for: see postgres_vectors.py.

A case is (function id as in model/functions.h, or "cast", argument values, argument types, type of the cast or None). Values
are in text form, None is NULL.
"""

import itertools
import random
import re
import struct

INTEGERS = {
    "smallint": ["0", "1", "-1", "7", "-7", "32767", "-32768", None],
    "integer": ["0", "1", "-1", "7", "-7", "2147483647", "-2147483648", None],
    "bigint": ["0", "1", "-1", "7", "-7", "9223372036854775807", "-9223372036854775808", None],
}
DOUBLES = ["0", "-0", "1", "-1.5", "2.5", "0.1", "1e308", "-1e308", "1e-308", "Infinity", "-Infinity", "NaN", None]
REALS = ["0", "1", "-1.5", "0.1", "3e38", "1e-38", "Infinity", "NaN", None]
NUMERICS = ["0", "1", "-1", "2.5", "-2.5", "0.005", "123456789.123456789", "-99.99",
            "99999999999999999999999999999999999999", None]
TEXTS = ["", "a", "b", "abc", "ABC", "Abc", "äöü", "ÄÖÜ", "日本語", "a b", None]
BYTES = ["\\x", "\\x00", "\\xdeadbeef", "\\x61", None]
BOOLEANS = ["true", "false", None]
DATES = ["2024-02-29", "1970-01-01", "1969-12-31", "2000-01-01", "0044-03-15 BC", None]
TIMES = ["2024-02-29 07:08:09.123456", "1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2001-01-01 00:00:00",
         "2000-12-31 23:59:59", "2021-01-03 12:00:00", "2020-12-31 00:00:00", "0044-03-15 10:11:12 BC",
         "12024-05-06 07:08:09", None]
UUIDS = ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000", None]

COMPARABLE = {
    "boolean": BOOLEANS, "smallint": ["1", "2", None], "integer": ["1", "-2", None], "bigint": ["1", "5000000000", None],
    "real": REALS, "double": DOUBLES, "numeric": ["1", "1.00", "-2.5", "0.5", None], "text": TEXTS, "bytea": BYTES,
    "date": DATES, "timestamp": TIMES[:4] + [None], "timestamptz": TIMES[:4] + [None], "uuid": UUIDS,
}
FIELDS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade",
          "century", "millennium"]
MORE_FIELDS = ["isoyear", "epoch", "dow", "isodow", "doy", "timezone", "julian"]


def numeric_type(value):
    """The narrowest numeric that holds `value` as written."""
    if value is None:
        return "numeric(5,2)"
    digits = re.sub(r"[-+.]", "", value)
    scale = len(value.split(".")[1]) if "." in value else 0
    precision = max(len(digits.lstrip("0")), scale, 1)
    return f"numeric({precision},{scale})"


def kinds_of(function):
    return re.search(r"\((.*)\)", function).group(1).replace("...", "").split(",")


def types_of(function, values):
    kinds = kinds_of(function)
    kinds += [kinds[-1]] * (len(values) - len(kinds))
    return [numeric_type(v) if kind == "numeric" else kind for kind, v in zip(kinds, values)]


class Cases:
    def __init__(self):
        self.all = []

    def call(self, function, *rows):
        """One case for each row of argument values."""
        for row in rows:
            row = row if isinstance(row, (list, tuple)) else [row]
            self.all.append((function, list(row), types_of(function, row), None))

    def cross(self, function, *domains):
        self.call(function, *itertools.product(*domains))

    def cast(self, source, target, *values):
        for value in values:
            self.all.append(("cast", [value], [numeric_type(value) if source == "numeric" else source], target))


def arithmetic(c):
    for kind, values in INTEGERS.items():
        for name in ["add", "subtract", "multiply", "divide", "modulo"]:
            c.cross(f"{name}({kind},{kind})", values, values[1:4] + values[5:])
        c.call(f"mod({kind},{kind})", ["7", "-3"], ["-7", "3"], ["7", "0"])
        c.cross(f"negate({kind})", values)
        c.cross(f"abs({kind})", values)
    for name in ["add", "subtract", "multiply", "divide"]:
        c.cross(f"{name}(double,double)", DOUBLES, ["0", "1", "1e308", "1e-308", "-Infinity", "NaN", None])
        c.cross(f"{name}(real,real)", REALS, ["0", "3", "3e38", "1e-38", "Infinity", None])
        c.cross(f"{name}(real,double)", ["0.1", "3e38", None], ["0.1", "1e300"])
        c.cross(f"{name}(double,real)", ["0.1", "1e300"], ["0.1", "3e38", None])
        c.cross(f"{name}(numeric,numeric)", NUMERICS[:8] + [None], NUMERICS[:8])
    c.cross("modulo(numeric,numeric)", NUMERICS, ["3", "-2.5", "0.007", "0"])
    c.call("mod(numeric,numeric)", ["10.5", "3"], ["-10.5", "3"], ["1", "0"])
    c.call("add(numeric,numeric)", [NUMERICS[8], "0.5"], [NUMERICS[8], "-1"])
    c.call("multiply(numeric,numeric)", ["1234567890123456789.123456789", "0.5"], ["99999999999999999999", "-99999999999999999"])
    c.call("divide(numeric,numeric)", ["1", "3"], ["2", "3"], ["-2", "3"], ["10", "4"], ["1", "0.0003"], ["100000", "7"])
    for kind, values in [("double", DOUBLES), ("real", REALS), ("numeric", NUMERICS)]:
        c.cross(f"negate({kind})", values)
        c.cross(f"abs({kind})", values)


def comparisons(c):
    for kind, values in COMPARABLE.items():
        for name in ["eq", "ne", "lt", "le", "gt", "ge", "is_distinct_from"]:
            some = values if len(values) <= 5 or name in ("eq", "lt", "is_distinct_from") else values[1::2]
            c.cross(f"{name}({kind},{kind})", some, some)
    for name in ["eq", "ne", "lt", "le", "gt", "ge", "is_distinct_from"]:
        c.cross(f"{name}(real,double)", ["0.1", "0.5", "NaN", None], ["0.1", "0.5", "NaN", None])
        c.cross(f"{name}(double,real)", ["0.1", "0.5", "NaN", None], ["0.1", "0.5", "NaN", None])
    for kind, values in COMPARABLE.items():
        sample = values[:2] + [None]
        c.cross(f"greatest({kind}...)", sample, sample, values[-2:])
        c.cross(f"least({kind}...)", sample, sample, values[-2:])


def mathematics(c):
    halves = ["0.5", "1.5", "2.5", "-0.5", "-1.5", "2.4", "-2.6", "1e20", "NaN", "-Infinity", "-0.2", None]
    for name in ["round", "trunc", "floor", "ceil", "ceiling"]:
        c.cross(f"{name}(double)", halves)
        c.cross(f"{name}(numeric)", ["0.5", "1.5", "2.5", "-0.5", "-2.5", "2.4", "-2.6", "9.99", "0", "42", None])
    for name in ["round", "trunc"]:
        c.cross(f"{name}(numeric,integer)", ["1234.5678", "-1234.5678", "0.5", "99.995"],
                ["0", "1", "2", "3", "7", "-1", "-2", "-3", "-4", "-40", None])
    c.cross("sign(double)", DOUBLES)
    c.cross("sign(numeric)", NUMERICS)
    for name in ["sqrt", "cbrt", "ln", "log", "log10", "exp"]:
        c.cross(f"{name}(double)", ["0", "1", "2", "-1", "100", "0.001", "709", "710", "-745", "-746", "Infinity", "-Infinity",
                                    "NaN", None])
    for name in ["power", "pow"]:
        c.cross(f"{name}(double,double)", ["0", "1", "2", "-2", "-0.5", "1e300", "Infinity", "-Infinity", "NaN", None],
                ["0", "1", "-1", "0.5", "3", "-3", "Infinity", "-Infinity", "NaN"])


def texts(c):
    for name in ["lower", "upper", "initcap", "reverse", "md5", "length", "char_length", "character_length", "octet_length"]:
        c.cross(f"{name}(text)", TEXTS + ["hello wORLD-foo_bar 1st", "ǅ ß İ"])
    padded = ["  x ", "xxyxx", "", "日本日", "äöä", "\tx\t", None]
    for name in ["trim", "btrim", "ltrim", "rtrim"]:
        c.cross(f"{name}(text)", padded)
        c.cross(f"{name}(text,text)", padded, ["x", "xy", "日", "ä", "", None])
    for name in ["substring", "substr"]:
        c.cross(f"{name}(text,integer)", ["abcdef", "日本語テキスト", "", None], ["1", "3", "0", "-2", "7", "100", None])
        c.cross(f"{name}(text,integer,integer)", ["abcdef", "日本語テキスト", None],
                ["1", "3", "0", "-2", "100", "2147483647"], ["2", "0", "100", "-1", "2147483647"])
        c.cross(f"{name}(bytea,integer)", ["\\x00ff01", None], ["1", "2", "-1", "9"])
        c.cross(f"{name}(bytea,integer,integer)", ["\\x00ff01"], ["1", "2", "-1", "9"], ["1", "3", "-1"])
    for name in ["left", "right"]:
        c.cross(f"{name}(text,integer)", ["abcdef", "日本語", "", None],
                ["0", "1", "2", "-1", "-2", "100", "-100", "-2147483648", None])
    c.cross("split_part(text,text,integer)", ["a,b,c", "a,,c", ",", "", "日本-語", "abc", None], [",", "", "-", ",,"],
            ["1", "2", "3", "4", "-1", "-2", "-3", "-4", "0"])
    c.cross("starts_with(text,text)", ["abc", "", "日本", None], ["a", "", "abc", "abcd", "日", None])
    for name in ["strpos", "position"]:
        c.cross(f"{name}(text,text)", ["abcabc", "", "日本語本", None], ["c", "", "bc", "x", "本", None])
    c.cross("replace(text,text,text)", ["abcabc", "", "aaa", None], ["a", "bc", "", "x", None], ["", "zz", None])
    c.cross("translate(text,text,text)", ["12345", "日本語", ""], ["143", "", "日", "114"], ["ax", "", "xyz", "日"])
    c.cross("repeat(text,integer)", ["ab", "", "日", None], ["0", "3", "-1", None])
    for name in ["lpad", "rpad"]:
        c.cross(f"{name}(text,integer)", ["hi", "日本語", ""], ["5", "1", "0", "-1", None])
        c.cross(f"{name}(text,integer,text)", ["hi", "日本語", ""], ["5", "1", "0"], ["xy", "", "日本", None])
    c.call("concat(text...)", ["a"], ["a", "b"], ["a", None, "c"], [None, None], ["", "日本"])
    c.call("concat_ws(text,text...)", [",", "a", "b"], [",", None, "b"], [None, "a", "b"], [",", None, None], ["", "a", "b"],
           ["--", "x"])
    c.cross("concat_op(text,text)", ["a", "", "日", None], ["b", "", None])
    c.cross("concat_op(bytea,bytea)", BYTES, ["\\x01", None])
    samples = {"boolean": BOOLEANS, "smallint": ["-5", None], "integer": ["42", None], "bigint": ["-9223372036854775808"],
               "real": ["0.1", "NaN", None], "double": ["0.1", "1e20", None], "numeric": ["12.50", None],
               "date": ["2024-02-29", None], "timestamp": TIMES[:2], "timestamptz": TIMES[:2], "uuid": UUIDS,
               "jsonb": ["[1, 2]", None]}
    for kind, values in samples.items():
        c.cross(f"concat_op(text,{kind})", ["x", None], values)
        c.cross(f"concat_op({kind},text)", values, ["x", None])


def patterns(c):
    subjects = ["", "a", "abc", "ABC", "a%c", "a\\c", "日本語", "aXbXc", "mississippi", "a\nb", None]
    masks = ["", "%", "_", "a%", "%c", "%b%", "a_c", "a\\%c", "a\\\\c", "%%", "_%_", "___", "日%", "日_語", "%iss%ip%", "%s_s%i",
             "a\\", "%\\", "x\\", "a%b%c", "%X%X%", None]
    for name in ["like", "ilike"]:
        c.cross(f"{name}(text,text)", subjects, masks)
        c.cross(f"{name}(text,text,text)", ["a%c", "abc", "a#c", "日%", None],
                ["a#%c", "a%c", "a##c", "a\\%c", "a日%c", "abc#", "日語%"], ["#", "", "\\", "日", "語", "##", None])
    regexes = ["", "a", "^a", "c$", "^abc$", "b+", "[A-Z]+", "(a)(b)", "a|ab|abc", "x*", "\\d+", "\\s", "\\yabc\\y", ".", "^b",
               "日.語", "a{2}", "[[:alpha:]]+", "(", "[", "a{2", "*a", "\\w+", "a+?", "(?:ab)+", None]
    for regex in regexes:
        for subject in ["abc", "ABC", "xx1 22", "日本語", "a\nb", ""]:
            c.call("regexp_like(text,text)", [subject, regex])
        c.call("regexp_replace(text,text,text)", ["abcabc", regex, "<\\1\\&>"])
        c.call("regexp_replace(text,text,text,text)", ["abc abc 123", regex, "-", "g"])
    c.cross("regexp_like(text,text,text)", ["abc", "a\nb", "A\nB"], ["^b", "a.b", "B$", "ABC", "a\nb"],
            ["", "i", "n", "in", "c", "s", "g", "q", "qi", "z", None])
    c.call("regexp_replace(text,text,text,text)", ["aAaA", "a", "x", "gi"], ["aAaA", "A", "x", "i"], ["日本日本", "日", "", "g"],
           ["abc", "", "-", "g"], ["abc", "(b)", "[\\1]", ""], ["abc", "b", "\\\\", "g"], ["abc", "b", "\\x", "g"],
           ["a.b.c", "\\.", "\\2", "g"], ["foobar", "foo|foobar", "x", ""], ["abc", "b", None, "g"], ["a1b22", "\\d", "#", "g"],
           ["abc", "b", "x", "z"], ["äöü", "ö", "o", "g"], ["ab", "b*", "-", "g"])


def byte_strings(c):
    c.cross("md5(bytea)", BYTES)
    c.cross("sha256(bytea)", BYTES)
    c.cross("length(bytea)", BYTES)
    c.cross("octet_length(bytea)", BYTES)
    c.cross("encode(bytea,text)", BYTES + ["\\x5c41ff", "\\x" + "ab" * 70], ["hex", "base64", "escape", "utf9"])
    c.call("decode(text,text)", ["DEADbeef", "hex"], ["de ad", "hex"], ["abc", "hex"], ["zz", "hex"], ["3q2+7w==", "base64"],
           ["3q2+\n7w==", "base64"], ["3q2", "base64"], ["!!!!", "base64"], ["a\\\\b\\001", "escape"], ["a\\9", "escape"],
           ["x", "rot13"], [None, "hex"])


def times(c):
    c.cross("add(date,integer)", DATES, ["0", "1", "-400", "2147483647", None])
    c.cross("add(integer,date)", ["7"], DATES)
    c.cross("subtract(date,integer)", DATES, ["1", "-1", "2147483647"])
    c.cross("subtract(date,date)", DATES, DATES[:2])
    intervals = ["1 day", "-1 day", "1 month", "-1 month", "1 year", "01:02:03.5", "1 month 1 day 00:00:01", "13 months",
                 "-25 months", "290000 years", "292240 years",
                 None]
    for kind, values in [("date", ["2024-01-31", "2024-02-29", "0044-03-15 BC", None]),
                         ("timestamp", ["2024-01-31 12:00:00", "2024-02-29 23:59:59.999999", "0001-01-01 00:00:00", None]),
                         ("timestamptz", ["2024-01-31 12:00:00+00", "2023-03-31 00:00:00+00", None])]:
        c.cross(f"add({kind},interval)", values, intervals)
        c.cross(f"subtract({kind},interval)", values, intervals[:9])
        c.cross(f"add(interval,{kind})", ["1 month"], values)
    for kind, values in [("date", DATES), ("timestamp", TIMES), ("timestamptz", TIMES)]:
        c.cross(f"date_trunc(text,{kind})", FIELDS + ["Days", "dow", "epoch", "nonsense", None], values)
        c.cross(f"extract(text,{kind})", FIELDS + MORE_FIELDS + ["Year", "mins", "nonsense", None], values)
        c.cross(f"date_part(text,{kind})", FIELDS + MORE_FIELDS + ["nonsense"], values[:3] + [None])
    c.cross("to_timestamp(double)", ["0", "1.5", "-0.000001", "1709190489.123456", "1e18", "NaN", "Infinity", "1234567890.1234567",
                                     None])
    zones = ["UTC", "Europe/Berlin", "America/New_York", "Nowhere/Land", None]
    c.cross("timezone(text,timestamptz)", zones, ["2024-07-01 12:00:00+00", "2024-01-01 12:00:00+00", None])
    c.cross("timezone(text,timestamp)", zones, ["2024-07-01 12:00:00", "2024-03-31 02:30:00", "2024-10-27 02:30:00",
                                                "2024-11-03 01:30:00", None])


NUMBER_TEXTS = ["0", "1", "-1", " 42 ", "+7", "1.5", "2.5", "-1.5", "1e3", "1e-3", ".5", "5.", "", " ", "abc", "1 2", "--1", "1e", "0x1",
                "32767", "32768", "2147483648", "-2147483648", "9223372036854775808", "99999999999999999999", "1e400",
                "1e-400", "NaN", "inf", "-Infinity", "Infinit", "123456789012345678901234567890.123", "1_000", None]
TIME_TEXTS = ["2024-02-29", "2024-02-29 07:08:09", "2024-02-29T07:08:09Z", "2024-02-29T07:08:09.123456789Z",
              "2024-02-29 07:08:09+02", "2024-02-29 07:08:09-05:30", "2024-02-29 07:08:09 +0530", "2024-2-9 7:08", "20240229",
              "20240229T070809", "2023-02-29", "2024-13-01", "2024-02-29 25:00", "2024-02-29 24:00:00", "2024-02-29 07:08:60",
              "epoch", "", "hello", "2024-02", "0044-03-15 BC", "12024-01-01", " 2024-02-29 ", "2024-02-29 07:08:09 UTC",
              "0000-01-01", "2024-02-29 07:08:61", "2024-02-29 00:00+15:59", "2024-02-29 00:00+16:00", None]


def casts(c):
    for target in ["smallint", "integer", "bigint", "real", "double", "numeric(10,2)", "numeric(38,0)"]:
        c.cast("text", target, *NUMBER_TEXTS)
        for source, values in INTEGERS.items():
            c.cast(source, target, *values)
        c.cast("double", target, *DOUBLES, "0.5", "1.5", "2.5", "-2.5", "32767.5", "2147483647.4", "2147483647.5", "9.3e18",
               "9223372036854774784", "0.005", "0.015", "123456.785", "1e-5", "99999999.995", "1e-46", "1.23456789012345678")
        c.cast("real", target, *REALS, "0.5", "1.5", "2.5", "-2.5", "16777217", "1.005", "1234567.9", "2147483648")
        c.cast("numeric", target, *NUMERICS, "0.5", "1.5", "-0.5", "32767.5", "2147483647.5", "0.00000001", "1.005", "99999999.994",
               "99999999.995", "9223372036854775807.4")
        c.cast("jsonb", target, "1", "1.5", "-2.5e1", "true", "\"1\"", "null", "[1]", "{}", "99999999999", None)
    for source in ["smallint", "integer", "bigint"]:
        c.cast(source, "text", *INTEGERS[source])
    c.cast("boolean", "text", *BOOLEANS)
    c.cast("boolean", "integer", *BOOLEANS)
    c.cast("integer", "boolean", "0", "1", "-5", None)
    c.cast("text", "boolean", "t", "true", "TRUE", "tr", "f", "False", "y", "yes", "n", "no", "on", "of", "off", "o", "1", "0", "2", "",
           " true ", "truex", None)
    c.cast("double", "text", *DOUBLES, "123456789012345", "1e15", "1234567890123456", "0.0001", "0.00001", "1e20", "1e100", "5e-324",
           "1.7976931348623157e308", "0.30000000000000004", "100", "1e14", "-1e-7", "2.2250738585072014e-308", "12345.678")
    c.cast("real", "text", *REALS, "123456", "1e6", "1234567", "0.0001", "0.00001", "16777216", "3.4028235e38", "1e-45", "0.3")
    c.cast("numeric", "text", *NUMERICS, "0.00", "-0.50", "100.10")
    c.cast("bytea", "text", *BYTES)
    c.cast("text", "bytea", "", "abc", "\\x", "\\xDEad", "\\xabc", "\\xzz", "a\\\\b", "\\001x", "\\8", "日", None)
    c.cast("text", "uuid", *UUIDS, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
           "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99", "",
           "g0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111")
    c.cast("uuid", "text", *UUIDS)
    c.cast("text", "jsonb", "1", "{\"a\": [1, 2, null]}", "[true, false]", "\"x\"", "", "{", "{\"a\":}", "[1,]", "tru", "01", "1 2",
           "\"\\u00e4\"", "\"\\x\"", None)
    c.cast("jsonb", "boolean", "true", "false", "1", "null", None)
    c.cast("jsonb", "text", "1", "\"x\"", None)
    for target in ["date", "timestamp", "timestamptz"]:
        c.cast("text", target, *TIME_TEXTS)
        c.cast("date", target, *DATES, "5874897-12-31")
        c.cast("timestamp", target, *TIMES)
        c.cast("timestamptz", target, *TIMES)
        c.cast(target, "text", *(DATES if target == "date" else TIMES))


def random_numeric(rng):
    """Up to 38 digits, the point anywhere."""
    digits = rng.randint(1, 38)
    scale = rng.randint(0, digits)
    number = str(rng.randrange(10 ** digits)).zfill(scale + 1)
    sign = rng.choice(["", "-"])
    return sign + (number[:-scale] + "." + number[-scale:] if scale else number)


def random_numbers(c):
    """Lengths and layouts that nobody thinks of. The same ones every time."""
    rng = random.Random(20240229)
    for name in ["add", "subtract", "multiply", "divide", "modulo", "eq", "lt"]:
        c.call(f"{name}(numeric,numeric)", *[(random_numeric(rng), random_numeric(rng)) for _ in range(120)])
    for name in ["round", "trunc", "floor", "ceil"]:
        c.call(f"{name}(numeric)", *[random_numeric(rng) for _ in range(40)])
    for name in ["round", "trunc"]:
        c.call(f"{name}(numeric,integer)", *[(random_numeric(rng), str(rng.randint(-40, 40))) for _ in range(80)])
    for _ in range(300):
        double = struct.unpack("<d", rng.randbytes(8))[0]
        real = struct.unpack("<f", rng.randbytes(4))[0]
        scaled = rng.uniform(-1, 1) * 10 ** rng.randint(-6, 20)
        c.cast("double", "text", repr(double), repr(scaled), str(2.0 ** rng.randint(-200, 200)))
        c.cast("real", "text", repr(real), str(2.0 ** rng.randint(-100, 100)))
        c.cast("text", "double", f"{scaled:.25g}")
        c.cast("double", rng.choice(["numeric(38,10)", "numeric(20,2)", "bigint", "integer", "real"]), repr(scaled))
        c.cast("numeric", rng.choice(["double", "real", "numeric(38,5)", "bigint", "text"]), random_numeric(rng))


def random_times(c):
    rng = random.Random(29022024)
    for kind in ["timestamp", "timestamptz"]:
        for _ in range(150):
            year, month, day = rng.choice([rng.randint(1, 9999), rng.randint(1950, 2050)]), rng.randint(1, 12), rng.randint(1, 28)
            clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999999):06}"
            era = " BC" if year < 4000 and rng.random() < 0.5 else ""
            when = f"{year:04}-{month:02}-{day:02} {clock}{era}"
            c.call(f"date_trunc(text,{kind})", (rng.choice(FIELDS), when))
            c.call(f"extract(text,{kind})", (rng.choice(FIELDS + MORE_FIELDS[:5]), when))
            c.call(f"add({kind},interval)", (when, f"{rng.randint(-500, 500)} months {rng.randint(-500, 500)} days {clock}"))
            c.cast("text", kind, when)


def all_cases():
    cases = Cases()
    for family in [arithmetic, comparisons, mathematics, texts, patterns, byte_strings, times, casts, random_numbers, random_times]:
        family(cases)
    unique = {}
    for case in cases.all:
        unique.setdefault(repr(case), case)
    return list(unique.values())
