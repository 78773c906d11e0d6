-- What users do, counted and summed per five minutes and kind of event. scripts/demo runs it against `weir dev --kafka`.

SET checkpoint_interval = '1s';

CREATE TABLE user_transactions (
  userId TEXT, eventType TEXT NOT NULL, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL
) WITH (connector = 'kafka', brokers = 'dev', topic = 'user-transactions', format = 'json',
        event_time = 'eventTime', watermark = '10 minutes',
        on_bad_row = 'dead_letter', dead_letter_path = '/lake/activity_bad');

CREATE TABLE activity (
  window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT, total_amount DOUBLE PRECISION
) WITH (connector = 'delta', path = '/lake/activity', late_path = '/lake/activity_late');

INSERT INTO activity
SELECT window_start, window_end, eventType, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes')
GROUP BY window_start, window_end, eventType;
