CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='b:1', topic='t', format='json', on_bad_row='skip');
CREATE TABLE o (a TEXT, p INTEGER) WITH (connector='delta', path='o');
EXPLAIN INSERT INTO o SELECT upper(a) || '-' || CAST(_offset AS TEXT), _partition FROM t WHERE a ~ '^[a-z]+$';
