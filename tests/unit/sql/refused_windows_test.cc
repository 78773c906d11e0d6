// Aggregations and windows that are refused, each with its whole message.
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

TEST(RefusedWindows, Aggregations) {
  ExpectRefused(
      kTables,
      {
          {R"(INSERT INTO o SELECT count(*), 1 FROM t)",
           "line 4, column 22: grouping without a window isn't supported yet: write FROM tumble(t, "
           "ts, INTERVAL '5 minutes') and GROUP BY window_start"},
          {R"(INSERT INTO o SELECT id, sum(amount) FROM t GROUP BY id)",
           "line 4, column 22: grouping without a window isn't supported yet: write FROM tumble(t, "
           "ts, INTERVAL '5 minutes') and GROUP BY window_start"},
          {R"(INSERT INTO o SELECT id, sum(amount) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY id)",
           "line 4, column 88: a query over a window needs window_start or window_end in GROUP BY: "
           "its groups are those of one window"},
          {R"(INSERT INTO o SELECT id, sum(amount) FROM tumble(t, ts, INTERVAL '5 minutes'))",
           "line 4, column 22: a query over a window needs window_start or window_end in GROUP BY: "
           "its groups are those of one window"},
          {R"(INSERT INTO o SELECT id, amount FROM tumble(t, ts, INTERVAL '5 minutes'))",
           "line 4, column 38: a query over a window needs GROUP BY window_start or window_end; to "
           "write rows as they are, read the table itself"},
          {R"(INSERT INTO o SELECT id, sum(amount) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start)",
           "line 4, column 22: column \"t.id\" must appear in the GROUP BY clause or be used in an "
           "aggregate function"},
          {R"(INSERT INTO o SELECT lower(id), sum(amount) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, upper(id))",
           "line 4, column 28: column \"t.id\" must appear in the GROUP BY clause or be used in an "
           "aggregate function"},
          {R"(INSERT INTO o SELECT id, sum(kind) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: function sum(text) doesn't exist; cast its argument"},
          {R"(INSERT INTO o SELECT id, sum(sum(amount)) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 30: aggregate function calls cannot be nested"},
          {R"(INSERT INTO o SELECT id, sum(DISTINCT amount) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: DISTINCT isn't supported in sum yet; it is in count"},
          {R"(INSERT INTO o SELECT id, sum(amount, n) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: aggregate sum takes one argument"},
          {R"(INSERT INTO o SELECT id, sum(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: sum(*) doesn't exist; * is for count"},
          {R"(INSERT INTO o SELECT id, count() FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: aggregate count takes one argument; to count rows write count(*)"},
          {R"(INSERT INTO o SELECT id, array_agg(n) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: aggregate array_agg isn't supported yet; aggregates are count, sum, "
           "avg, min, max, stddev, stddev_samp, variance, var_samp, bool_and, bool_or, every"},
          {R"(INSERT INTO o SELECT id, summ(n) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: function summ doesn't exist; did you mean sum?"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') WHERE count(*) > 1 GROUP BY window_start, id)",
           "line 4, column 91: aggregate functions are not allowed in WHERE; filter groups with "
           "HAVING"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') WHERE window_start > '2024-01-01' GROUP BY window_start, id)",
           "line 4, column 82: window_start has no value in WHERE: windows are known only once "
           "rows are grouped by them; GROUP BY window_start by itself and compute with it in the "
           "select list or in HAVING"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY date_trunc('hour', window_start), id)",
           "line 4, column 104: window_start has no value in GROUP BY: windows are known only once "
           "rows are grouped by them; GROUP BY window_start by itself and compute with it in the "
           "select list or in HAVING"},
          {R"(INSERT INTO o SELECT id, max(window_end) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 30: window_end has no value in an aggregate: windows are known only "
           "once rows are grouped by them; GROUP BY window_end by itself and compute with it in "
           "the select list or in HAVING"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, 5)",
           "line 4, column 99: GROUP BY position 5 is not in select list"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, 2)",
           "line 4, column 99: aggregate functions are not allowed in GROUP BY"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY ROLLUP(window_start))",
           "line 4, column 85: ROLLUP, CUBE and GROUPING SETS aren't supported; write an INSERT "
           "for each"},
          {R"(INSERT INTO o SELECT j, count(*) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, j)",
           "line 4, column 98: rows can't be grouped by jsonb: two spellings of one value would be "
           "two groups; group by CAST(... AS TEXT)"},
          {R"(INSERT INTO o SELECT 'a', count(*) FROM (SELECT window_start, id FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id) q)",
           "line 4, column 22: an aggregation over an aggregation isn't supported yet; compute "
           "both in one GROUP BY, or read the first one's table with another job"},
          {R"(INSERT INTO o SELECT id, min(ok) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: function min(boolean) doesn't exist; cast its argument"},
          {R"(INSERT INTO o SELECT id, string_agg(id, ',' ORDER BY n) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 54: ORDER BY and WITHIN GROUP in an aggregate aren't supported"},
          {R"(INSERT INTO o SELECT id, sum('1') FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: function sum(unknown) doesn't exist; cast its argument"},
          {R"(INSERT INTO o SELECT id, lower(DISTINCT id) FROM tumble(t, ts, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 26: lower isn't an aggregate: *, DISTINCT and FILTER are for "
           "aggregates"},
          {R"(CREATE VIEW v AS SELECT id, ts + INTERVAL '1 hour' AS ts FROM t; INSERT INTO o SELECT id, count(*) FROM tumble(v, ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 115: ts isn't the event time of t, ts is (its option event_time): "
           "windows close by the watermark, which follows that column; a view has to pass it on "
           "unchanged"},
          {R"(CREATE VIEW v AS SELECT id FROM t; INSERT INTO o SELECT id, count(*) FROM tumble(v, ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 85: column ts doesn't exist in v; its columns are id"},
          {R"(INSERT INTO o SELECT id, tumble(n) FROM t)",
           "line 4, column 26: tumble stands in FROM: FROM tumble(table, column, INTERVAL '5 "
           "minutes')"},
          {R"(CREATE VIEW v AS SELECT id AS window_start, ts FROM t; INSERT INTO o SELECT 'a', count(*) FROM tumble(v, ts, '1 minute') GROUP BY window_end)",
           "line 4, column 103: v has a column window_start already; rename it in a view"},
      });
}

TEST(RefusedWindows, WindowFunctions) {
  ExpectRefused(
      kTables,
      {
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, d, INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 50: d isn't the event time of t, ts is (its option event_time): windows "
           "close by the watermark, which follows that column"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts) GROUP BY window_start, id)",
           "line 4, column 40: tumble lacks its argument size; write tumble(table, time, size[, "
           "origin])"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '1 month') GROUP BY window_start, id)",
           "line 4, column 54: the size of a window: months and years have no fixed length; write "
           "days, as in '30 days'"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '0 seconds') GROUP BY window_start, id)",
           "line 4, column 54: the size of a window is at least 1 millisecond"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '-5 minutes') GROUP BY window_start, id)",
           "line 4, column 54: the size of a window: a duration can't be negative"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, 5) GROUP BY window_start, id)",
           "line 4, column 54: the size of a window is an interval literal, as in INTERVAL '5 "
           "minutes'"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '5 parsecs') GROUP BY window_start, id)",
           "line 4, column 63: invalid interval '5 parsecs'; write a number and a unit, as in '5 "
           "minutes', '1 day 02:30:00' or '500ms'"},
          {R"(INSERT INTO o SELECT id, count(*) FROM hop(t, ts, INTERVAL '10 minutes', INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 51: the slide, 10 minutes, is longer than the size, 5 minutes: rows "
           "between two windows would belong to none; the order is hop(table, time, slide, size)"},
          {R"(INSERT INTO o SELECT id, count(*) FROM hop(t, ts, INTERVAL '1 millisecond', INTERVAL '5 minutes') GROUP BY window_start, id)",
           "line 4, column 77: a window of 5 minutes every 1 millisecond is made of 300000 panes "
           "of 1 millisecond; at most 10000 are accepted: choose a slide that divides the size"},
          {R"(INSERT INTO o SELECT id, count(*) FROM hop(t, ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 40: hop lacks its argument size; write hop(table, time, slide, size[, "
           "origin])"},
          {R"(INSERT INTO o SELECT id, count(*) FROM session(t, ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 40: window function session isn't supported yet; there are tumble and "
           "hop"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumbel(t, ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 40: window function tumbel doesn't exist; did you mean tumble?"},
          {R"(INSERT INTO o SELECT id, count(*) FROM generate_series(1, 2) GROUP BY window_start, id)",
           "line 4, column 40: window function generate_series doesn't exist; there are "
           "tumble(table, time, size) and hop(table, time, slide, size)"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(TABLE t, DESCRIPTOR(ts), INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 47: syntax error at or near \"TABLE\"; window functions take names: "
           "tumble(events, eventTime, INTERVAL '5 minutes')"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '1 minute', 'x') GROUP BY window_start, id)",
           "line 4, column 75: invalid input syntax for type timestamp with time zone: \"x\"; "
           "write it as in '2024-02-29T07:08:09Z'"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, ts, INTERVAL '1 minute', slide => '1 minute') GROUP BY window_start, id)",
           "line 4, column 75: this argument is too much; write tumble(table, time, size[, "
           "origin])"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble('t', ts, INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 47: the first argument of tumble is a table, a view, or a SELECT in "
           "parentheses"},
          {R"(INSERT INTO o SELECT id, count(*) FROM tumble(t, lower(id), INTERVAL '1 minute') GROUP BY window_start, id)",
           "line 4, column 50: the second argument of a window function is the event-time column, "
           "ts"},
      });
}

}  // namespace
}  // namespace weir
