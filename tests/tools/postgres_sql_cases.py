"""Scalar SQL over a small table: what names, overloads and casts mean, not only what kernels compute. See postgres_vectors.py."""

COLUMNS = [("si", "smallint"), ("i", "integer"), ("b", "bigint"), ("r", "real"), ("d", "double precision"), ("n", "numeric(10,2)"),
           ("m", "numeric(20,6)"), ("t", "text"), ("u", "text"), ("f", "boolean"), ("dt", "date"), ("ts", "timestamp"),
           ("tz", "timestamptz"), ("y", "bytea"), ("id", "uuid"), ("j", "jsonb")]
ROWS = [
    ["7", "42", "5000000000", "0.1", "2.5", "10.25", "0.000001", "Hello, World", "o", "true", "2024-02-29", "2024-02-29 07:08:09.5",
     "2024-02-29 07:08:09.5+00", "\\xdeadbeef", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{\"a\": 1}"],
    ["-32768", "0", "-9223372036854775808", "3e38", "-1e308", "-0.05", "-3.5", "日本語 テスト", "日", "false", "1969-12-31",
     "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999+00", "\\x", "00000000-0000-0000-0000-000000000000", "42"],
    [None] * len(COLUMNS),
    ["1", "-1", "1", "NaN", "Infinity", "99999999.99", "12345678901234.123456", "", " 12 ", "true", "2000-01-01",
     "2000-01-01 00:00:00", "2000-01-01 00:00:00+00", "\\x00ff", "ffffffff-ffff-ffff-ffff-ffffffffffff", "true"],
]

NUMBERS = ["si", "i", "b", "r", "d", "n", "m", "2", "2.5", "3e2", "5000000000", "'6'", "NULL"]

EXPRESSIONS = [f"{a} {op} {b}" for op in ["+", "-", "*", "/", "%"] for a in NUMBERS[:7] for b in NUMBERS
               if not (op == "%" and (a in "rd" or b in ("r", "d")))]
EXPRESSIONS += [f"{a} {op} {b}" for op in ["=", "<"] for a in NUMBERS[:7] for b in NUMBERS]
EXPRESSIONS += """
-si
-b
- n
abs(i)
abs(b)
@ n
+ i
2 ^ 3
d ^ 2
power(i, 2)
power(d, 0.5)
sqrt(16)
sqrt(abs(d))
mod(i, 5)
mod(b, i)
round(d)
round(n)
round(n, 1)
round(m, 3)
round(m, i)
round(2.5)
round(2.567, 2)
trunc(n, 1)
floor(n)
ceil(i)
ceiling(d)
sign(n)
sign(d)
sign(i)
greatest(i, b, n)
greatest(si, 2.5, NULL)
least(d, n, i)
least(t, 'M', u)
greatest(dt, ts)
1 + 2 * 3
(1 + 2) * 3 - -4
7 / 2
7 / 2.0
-7 / 2
-7 % 3
1 / 3.0
i / 0
n / 0
d / 0
2147483647 + 1
2147483648 - 1
i + 2147483647
i * b
n * n
n * m
m * m * m
n / m
n + 0.001
t || u
t || i
i || t
t || d
t || n
t || f
t || tz
t || '!'
'a' || 'b'
NULL || t
y || y
concat(t, i, d, NULL, n)
concat_ws('-', t, u, i)
lower(t)
upper(t)
initcap(t)
length(t)
length(y)
char_length(t)
octet_length(t)
substring(t from 2 for 3)
substring(t from 3)
substring(t, 2)
substr(t, -1, 4)
left(t, 3)
right(t, -2)
position('o' in t)
strpos(t, u)
replace(t, 'o', '0')
split_part(t, ' ', 2)
split_part(t, ' ', -1)
trim(u)
trim(both 'H' from t)
trim(leading from u)
trim(trailing 'd' from t)
btrim(t, 'Hd')
reverse(t)
repeat(u, 2)
lpad(t, 5, '*')
rpad(u, 3)
starts_with(t, 'Hello')
translate(t, 'lo', '01')
md5(t)
encode(y, 'hex')
t LIKE 'Hello%'
t NOT LIKE '%o_'
t ILIKE 'hello%'
t LIKE 'H#%' ESCAPE '#'
t ~ '^H'
t ~* '^h'
t !~ 'o+'
t !~* 'WORLD'
regexp_replace(t, 'o', '0', 'g')
regexp_like(t, 'world', 'i')
i BETWEEN 0 AND 50
n NOT BETWEEN 0 AND 50.5
i IN (1, 42, NULL)
t IN ('Hello, World', '')
i NOT IN (0, 1)
n IN (10.25, 3)
i IS NULL
t IS NOT NULL
f IS TRUE
f IS NOT TRUE
f IS FALSE
f IS NOT FALSE
f IS UNKNOWN
i IS DISTINCT FROM 42
i IS NOT DISTINCT FROM NULL
f AND i > 0
f OR i > 0
NOT f
f = true
f = (i = 42)
i <> 0 AND b / i > 1
i = 0 OR b / i > 1
CASE WHEN i > 0 THEN 'pos' WHEN i = 0 THEN 'zero' ELSE 'neg' END
CASE WHEN f THEN i ELSE n END
CASE WHEN f THEN si END
CASE i WHEN 42 THEN 'x' WHEN 0 THEN t END
CASE WHEN i <> 0 THEN b / i ELSE 0 END
coalesce(i, 0)
coalesce(i, n, d)
coalesce(NULL, t, 'none')
coalesce(dt, ts)
nullif(i, 42)
nullif(t, '')
CAST(i AS text)
i::bigint
i::smallint
b::integer
b::double precision
d::integer
d::bigint
d::numeric(20,3)
d::real
r::double precision
r::text
d::text
n::integer
n::text
n::numeric(4,1)
n::double precision
m::numeric(10,2)
m::bigint
t::integer
u::integer
u::numeric(5,1)
u::double precision
u::boolean
f::text
f::integer
i::boolean
dt::text
ts::text
tz::text
dt::timestamp
dt::timestamptz
ts::date
tz::date
ts::timestamptz
tz::timestamp
y::text
id::text
'2024-03-31'::date
'2024-03-31 10:20:30+02'::timestamptz
'12'::integer + 1
DATE '2024-01-31' + 1
dt + 7
dt - 7
dt - DATE '2024-01-01'
7 + dt
dt + INTERVAL '1 month'
dt - INTERVAL '1 day'
ts + INTERVAL '1 day 2 hours'
tz + INTERVAL '1 month'
tz - INTERVAL '90 minutes'
INTERVAL '1 hour' + tz
dt < ts
ts < tz
dt = DATE '2024-02-29'
tz > '2020-01-01'
tz >= TIMESTAMPTZ '2024-02-29 00:00:00+00'
ts = '1969-12-31 23:59:59.999999'
date_trunc('hour', tz)
date_trunc('month', ts)
date_trunc('week', dt)
extract(year FROM tz)
extract(epoch FROM tz)
extract(dow FROM dt)
extract(second FROM ts)
extract(isoyear FROM dt) + 1
date_part('hour', tz)
date_part('doy', dt)
to_timestamp(0)
to_timestamp(i)
to_timestamp(d)
tz AT TIME ZONE 'Europe/Berlin'
ts AT TIME ZONE 'America/New_York'
id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
id < '80000000-0000-0000-0000-000000000000'
y = '\\xdeadbeef'
y < '\\xff'
sha256(y)
decode('ff00', 'hex')
ln(d)
log(100)
exp(i)
cbrt(27)
""".replace("\\\\", "\\").strip().splitlines()
