// Plans as EXPLAIN prints them: one test per shape of job.
#include "sql/explain.h"

#include "gtest/gtest.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

void ExpectPlan(const std::string& script, const std::string& plan) {
  absl::StatusOr<CompiledScript> compiled = Compile(script);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ(ExplainPlan(compiled->plan), plan.substr(1));  // behind the line break of R"(
  EXPECT_TRUE(compiled->warnings.empty());
  EXPECT_FALSE(compiled->explain_only);
}

// One vertex that reads and pre-aggregates, one that owns the windows.
TEST(ExplainPlan, TheUserActivityJob) {
  ExpectPlan(R"sql(
CREATE TABLE user_transactions (
  userId TEXT, eventType TEXT NOT NULL, amount DOUBLE PRECISION, eventTime TIMESTAMPTZ NOT NULL
) WITH (connector = 'kafka', brokers = 'localhost:9092', topic = 'user-transactions', format = 'json',
        event_time = 'eventTime', watermark = '10 minutes');

CREATE TABLE activity (
  window_start TIMESTAMPTZ, window_end TIMESTAMPTZ, event_type TEXT, event_count BIGINT, total_amount DOUBLE PRECISION
) WITH (connector = 'delta', path = './lake/activity');

INSERT INTO activity
SELECT window_start, window_end, eventType, count(*), sum(amount)
FROM tumble(user_transactions, eventTime, INTERVAL '5 minutes')
GROUP BY window_start, window_end, eventType;
)sql",
             R"sql(
checkpoint every 10 seconds, parallelism of all slots, 3 checkpoints kept

vertex 0 user_transactions (reads)
  0 source
      kafka topic user-transactions at localhost:9092, from the earliest record
      columns: eventType text not null, amount double precision, eventTime timestamp with time zone not null
      event time: eventTime, watermark 10 minutes behind
      bad rows fail the job
  1 project
      eventTime, eventType, amount
  2 partial_aggregate
      window: tumble 5 minutes, panes of 5 minutes, by eventTime
      keys: eventType
      aggregates: count(*), sum(amount)
  -> vertex 1, from 2: partial aggregates shuffled by eventType, append

vertex 1 activity (aggregates)
  0 final_aggregate
      state: 40b43bd7ebc8cac1, one entry per pane and key
      columns: window_start timestamp with time zone not null, window_end timestamp with time zone not null, eventType text not null, count bigint not null, sum_amount double precision
      late rows are counted
  1 project
      window_start, window_end, eventType AS event_type, count AS event_count, sum_amount AS total_amount
  2 sink
      activity

tables
  activity at /data/lake/activity, append
      window_start timestamp with time zone, window_end timestamp with time zone, event_type text, event_count bigint, total_amount double precision
)sql");
}

// A view is merged into what reads it; its filter comes first.
TEST(ExplainPlan, HopOverAViewWithFiltersAndHaving) {
  ExpectPlan(R"sql(
CREATE TABLE clicks (
  userId TEXT NOT NULL, page TEXT, ms INTEGER, cost NUMERIC(8,3), clickedAt TIMESTAMPTZ, bot BOOLEAN
) WITH (connector = 'kafka', brokers = 'dev', topic = 'clicks', format = 'json', event_time = 'clickedAt');
CREATE TABLE busy (until TIMESTAMPTZ NOT NULL, page TEXT, users BIGINT NOT NULL, seconds NUMERIC(38,3), cost NUMERIC(12,2))
WITH (connector = 'delta', path = 'busy');
CREATE VIEW people AS SELECT userId, lower(page) AS page, ms / 1000.0 AS seconds, cost, clickedAt FROM clicks WHERE NOT bot;
INSERT INTO busy
SELECT window_end, page, count(DISTINCT userId), avg(seconds), sum(cost) FILTER (WHERE cost > 0)
FROM hop(people, clickedAt, INTERVAL '20 seconds', INTERVAL '1 minute', TIMESTAMPTZ '2024-01-01T00:00:05Z') AS h
WHERE h.seconds < 3600
GROUP BY window_end, page
HAVING count(*) >= 10;
)sql",
             R"sql(
checkpoint every 10 seconds, parallelism of all slots, 3 checkpoints kept

vertex 0 clicks (reads)
  0 source
      kafka topic clicks at dev, from the earliest record
      columns: userId text not null, page text, ms integer, cost numeric(8,3), clickedAt timestamp with time zone, bot boolean
      event time: clickedAt, watermark 0 seconds behind
      bad rows fail the job
  1 filter
      NOT bot
  2 project
      userId, lower(page) AS page, ms::numeric(10,0) / 1000.0 AS seconds, cost, clickedAt
  3 filter
      seconds < 3600
  4 project
      clickedAt, page, userId, seconds, cost, cost > 0 AS filter1
  5 partial_aggregate
      window: hop 1 minute every 20 seconds, origin 5 seconds after the epoch, panes of 20 seconds, by clickedAt
      keys: page
      aggregates: count(*), count(DISTINCT userId), avg(seconds), sum(cost) FILTER (WHERE filter1)
  -> vertex 1, from 5: partial aggregates shuffled by page, append

vertex 1 busy (aggregates)
  0 final_aggregate
      state: 980a574325b69cee, one entry per pane and key
      columns: window_start timestamp with time zone not null, window_end timestamp with time zone not null, page text, count bigint not null, count_distinct_userId bigint not null, avg_seconds numeric(38,16), sum_cost numeric(38,3)
      late rows are counted
  1 filter
      count >= 10
  2 project
      window_end AS until, page, count_distinct_userId AS users, avg_seconds::numeric(38,3) AS seconds, sum_cost::numeric(12,2) AS cost
  3 sink
      busy

tables
  busy at /data/busy, append
      until timestamp with time zone not null, page text, users bigint not null, seconds numeric(38,3), cost numeric(12,2)
)sql");
}

// Without windows there is nothing to shuffle; columns by the column list.
TEST(ExplainPlan, PassThrough) {
  ExpectPlan(R"sql(
CREATE TABLE clicks (
  userId TEXT NOT NULL, page TEXT, ms INTEGER, cost NUMERIC(8,3), clickedAt TIMESTAMPTZ, bot BOOLEAN
) WITH (connector = 'kafka', brokers = 'dev', topic = 'clicks', format = 'json', event_time = 'clickedAt');
CREATE TABLE pages (page TEXT, at TIMESTAMPTZ, part INTEGER) WITH (connector = 'delta', path = 'pages');
INSERT INTO pages (at, page, part) SELECT clickedAt, coalesce(page, 'none'), _partition FROM clicks;
)sql",
             R"sql(
checkpoint every 10 seconds, parallelism of all slots, 3 checkpoints kept

vertex 0 clicks (reads)
  0 source
      kafka topic clicks at dev, from the earliest record
      columns: userId text not null, page text, clickedAt timestamp with time zone, _partition integer not null
      event time: clickedAt, watermark 0 seconds behind
      bad rows fail the job
  1 project
      COALESCE(page, 'none') AS page, clickedAt AS at, _partition AS part
  2 sink
      pages

tables
  pages at /data/pages, append
      page text, at timestamp with time zone, part integer
)sql");
}

// An aggregate that nobody reads isn't computed.
TEST(ExplainPlan, FiltersAboveAnAggregation) {
  ExpectPlan(R"sql(
CREATE TABLE clicks (
  userId TEXT NOT NULL, page TEXT, ms INTEGER, cost NUMERIC(8,3), clickedAt TIMESTAMPTZ, bot BOOLEAN
) WITH (connector = 'kafka', brokers = 'dev', topic = 'clicks', format = 'json', event_time = 'clickedAt');
CREATE TABLE top (start TIMESTAMPTZ, page TEXT, clicks BIGINT) WITH (connector = 'delta', path = 'top');
WITH counted AS (
  SELECT window_start AS start, page, count(*) AS n, sum(ms) AS ms FROM tumble(clicks, clickedAt, size => '1 hour')
  GROUP BY window_start, page
)
INSERT INTO top SELECT start, page, n FROM counted WHERE n > 100 AND page IS NOT NULL;
)sql",
             R"sql(
checkpoint every 10 seconds, parallelism of all slots, 3 checkpoints kept

vertex 0 clicks (reads)
  0 source
      kafka topic clicks at dev, from the earliest record
      columns: userId text not null, page text, clickedAt timestamp with time zone
      event time: clickedAt, watermark 0 seconds behind
      bad rows fail the job
  1 project
      clickedAt, page
  2 partial_aggregate
      window: tumble 1 hour, panes of 1 hour, by clickedAt
      keys: page
      aggregates: count(*)
  -> vertex 1, from 2: partial aggregates shuffled by page, append

vertex 1 top (aggregates)
  0 final_aggregate
      state: bd93e7c8bef7f5e6, one entry per pane and key
      columns: window_start timestamp with time zone not null, window_end timestamp with time zone not null, page text, count bigint not null
      late rows are counted
  1 filter
      (count > 100) AND (page IS NOT NULL)
  2 project
      window_start AS start, page, count AS clicks
  3 sink
      top

tables
  top at /data/top, append
      start timestamp with time zone, page text, clicks bigint
)sql");
}

// lower(page) is computed once for all rows; 1000 / ms, which can fail, only where it is reached.
TEST(ExplainPlan, SharesWhatIsComputedTwice) {
  ExpectPlan(R"sql(
CREATE TABLE clicks (
  userId TEXT NOT NULL, page TEXT, ms INTEGER, cost NUMERIC(8,3), clickedAt TIMESTAMPTZ, bot BOOLEAN
) WITH (connector = 'kafka', brokers = 'dev', topic = 'clicks', format = 'json', event_time = 'clickedAt');
CREATE TABLE pages (page TEXT, ms INTEGER) WITH (connector = 'delta', path = 'pages');
INSERT INTO pages SELECT lower(page), CASE WHEN ms <> 0 THEN 1000 / ms END FROM clicks
WHERE lower(page) IN ('a', 'b') AND (bot IS NOT TRUE OR 1000 / ms > 1);
)sql",
             R"sql(
checkpoint every 10 seconds, parallelism of all slots, 3 checkpoints kept

vertex 0 clicks (reads)
  0 source
      kafka topic clicks at dev, from the earliest record
      columns: userId text not null, page text, ms integer, clickedAt timestamp with time zone, bot boolean
      event time: clickedAt, watermark 0 seconds behind
      bad rows fail the job
  1 project
      lower(page) AS shared1, bot, ms
  2 filter
      ((shared1 = 'a') OR (shared1 = 'b')) AND ((NOT COALESCE(bot, FALSE)) OR ((1000 / ms) > 1))
  3 project
      shared1 AS page, CASE WHEN ms <> 0 THEN 1000 / ms ELSE NULL END AS ms
  4 sink
      pages

tables
  pages at /data/pages, append
      page text, ms integer
)sql");
}

// Several INSERTs read the source once; what is bad or late has tables of its own.
TEST(ExplainPlan, ManyInsertsWithLateAndBadRows) {
  ExpectPlan(R"sql(
CREATE TABLE orders (
  orderId TEXT NOT NULL, region TEXT, price NUMERIC(10,2), orderedAt TIMESTAMPTZ
) WITH (connector = 'kafka', brokers = 'k1:9092,k2:9092', topic = 'orders', format = 'json', event_time = 'orderedAt',
        watermark = '30 seconds', start = 'timestamp:2024-02-29T00:00:00Z', stop = 'latest',
        on_bad_row = 'dead_letter', dead_letter_path = '/lake/bad_orders');
CREATE TABLE revenue (start TIMESTAMPTZ, region TEXT, revenue NUMERIC(38,2))
WITH (connector = 'delta', path = '/lake/revenue', late_path = '/lake/late_orders');
CREATE TABLE big_orders (id TEXT NOT NULL, cents BIGINT) WITH (connector = 'delta', path = 's3://lake/big');
SET checkpoint_interval = '500ms'; SET parallelism = 4;
INSERT INTO revenue
SELECT window_start, upper(region), sum(price) FROM tumble(orders, orderedAt, INTERVAL '1' MINUTE)
WHERE price > 0 GROUP BY window_start, upper(region);
INSERT INTO big_orders SELECT orderId, price * 100 FROM orders WHERE price > 1000;
INSERT INTO big_orders SELECT orderId, NULL FROM orders WHERE price IS NULL AND region <> 'test';
)sql",
             R"sql(
checkpoint every 500 milliseconds, parallelism 4, 3 checkpoints kept

vertex 0 orders (reads)
  0 source
      kafka topic orders at k1:9092,k2:9092, from 2024-02-29 00:00:00+00, up to the latest at the start
      columns: orderId text not null, region text, price numeric(10,2), orderedAt timestamp with time zone, _partition integer not null, _offset bigint not null
      event time: orderedAt, watermark 30 seconds behind
      bad rows go to the dead-letter table
  1 filter
      price > 0
  2 project
      orderedAt, upper(region) AS key1, price, orderId, region, _partition, _offset
  3 partial_aggregate
      window: tumble 1 minute, panes of 1 minute, by orderedAt
      keys: key1
      aggregates: sum(price)
      late rows carry: orderId, region, price, orderedAt, _partition, _offset
  4 project <- 0
      orderId, price
  5 filter
      price > 1000
  6 project
      orderId AS id, (price * 100)::bigint AS cents
  7 project <- 0
      orderId, region, price
  8 filter
      (price IS NULL) AND (region <> 'test')
  9 project
      orderId AS id, NULL AS cents
  10 sink <- 6, 9
      big_orders
  11 sink <- 0 port 1, 1 port 1, 2 port 1, 3 port 1, 4 port 1, 5 port 1, 6 port 1, 7 port 1, 8 port 1, 9 port 1, 10 port 1
      orders#dead_letter
  -> vertex 1, from 3: partial aggregates shuffled by key1, append

vertex 1 revenue (aggregates)
  0 final_aggregate
      state: 1639e14ce7f53067, one entry per pane and key
      columns: window_start timestamp with time zone not null, window_end timestamp with time zone not null, key1 text, sum_price numeric(38,2)
      late rows leave by port 1
  1 project
      window_start AS start, key1 AS region, sum_price AS revenue
  2 sink
      revenue
  3 sink <- 0 port 1
      revenue#late

tables
  revenue at /lake/revenue, append
      start timestamp with time zone, region text, revenue numeric(38,2)
  big_orders at s3://lake/big, append
      id text not null, cents bigint
  revenue#late at /lake/late_orders, append
      orderId text not null, region text, price numeric(10,2), orderedAt timestamp with time zone, _partition integer not null, _offset bigint not null, _watermark timestamp with time zone not null, _delay_ms bigint not null
  orders#dead_letter at /lake/bad_orders, append
      topic text not null, partition integer not null, offset bigint not null, key bytea, payload bytea, error text not null, received_at timestamp with time zone
)sql");
}

}  // namespace
}  // namespace weir
