SET checkpoint_interval = '1s';
CREATE TABLE t (a TEXT, b BIGINT, c NUMERIC(10,2), d TIMESTAMPTZ NOT NULL) WITH (connector='kafka', brokers='b:1', topic='${NAME}', format='json', event_time='d');
CREATE TABLE o (a TEXT, n BIGINT, x NUMERIC(38,2)) WITH (connector='delta', path='o', late_path='l');
CREATE VIEW v AS SELECT lower(a) AS a, CASE WHEN b <> 0 THEN c / b END AS q, d FROM t WHERE a LIKE 'x%' AND b IN (1, 2) OR d IS NOT NULL;
INSERT INTO o SELECT a, count(*) FILTER (WHERE q > 1.5), sum(q) FROM hop(v, d, INTERVAL '1 minute', INTERVAL '5 minutes') GROUP BY window_start, 1 HAVING count(*) > 1;
